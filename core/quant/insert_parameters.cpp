#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/ops.h"
#include "core/quant/bias.h"
#include "core/quant/insert_qdq.h"

namespace inc::quant {
namespace {

/// Room for the accumulator above the bias: |bias| ≤ 2^30 of 2^31.
constexpr double kLargestBias = 1 << 30;
constexpr std::size_t kBiasInput = 2;

ir::Attrs axis_attr(const QParams& qparams) {
  if (qparams.axis < 0) return {};
  return {{"axis", static_cast<std::int64_t>(qparams.axis)}};
}

/// Per-channel scales under which every bias fits into int32; the given ones where they do already.
std::vector<float> scales_for_bias(const QParams& weight, const ir::Tensor& bias, double data_scale) {
  std::vector<float> scale = weight.scale;
  const float* b = bias.data<float>();
  for (std::int64_t i = 0; i < bias.count(); ++i) {
    float& s = scale[weight.axis < 0 ? 0 : static_cast<std::size_t>(i)];
    const double least = std::max(std::fabs(static_cast<double>(b[i])) / kLargestBias,
                                  static_cast<double>(std::numeric_limits<float>::min())) /
                         data_scale;
    if (static_cast<double>(s) < least) s = std::max(static_cast<float>(least), 2 * s);
  }
  return scale;
}

}  // namespace

ir::Tensor QdqInserter::scale_tensor(const QParams& qparams) {
  if (qparams.axis < 0) return ir::Tensor::scalar(qparams.scale.at(0));
  return ir::Tensor::of({static_cast<std::int64_t>(qparams.scale.size())}, qparams.scale);
}

ir::Tensor QdqInserter::zero_point_tensor(const QParams& qparams) {
  return visit_dtype(qparams.dtype, [&](auto tag) -> ir::Tensor {
    using T = decltype(tag);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      std::vector<T> zeros;
      for (const auto z : qparams.zero_point) zeros.push_back(static_cast<T>(z));
      if (qparams.axis < 0) return ir::Tensor::scalar(zeros.at(0));
      return ir::Tensor::of({static_cast<std::int64_t>(zeros.size())}, zeros);
    } else {
      throw InternalError("zero points are integers");
    }
  });
}

/// `data_scale` 0: not known before run time.
void QdqInserter::quantize_parameters(const ir::Node& node, const OpConfig& config, const FactorGroup* factors,
                                      float data_scale) {
  const auto slot = static_cast<std::size_t>(ops::info(node.op).weight_input);
  const ir::Tensor& weight = *graph_.constant(node.input(slot));
  const int axis = ops::weight_axis(graph_, node);
  const InputChannels channels = factors != nullptr ? input_channels(graph_, node).value() : InputChannels{};
  const std::vector<float> factor = factors != nullptr ? factors->factor : std::vector<float>{};
  const auto quantized = weights_.get(weight, config.weight, axis, pair_order(graph_, node), channels, factor);
  const auto shift = config_.bias_shift.find(node.id);
  const AnchorBias bias = bias_with_shift(graph_, node, weight.shape()[static_cast<std::size_t>(axis)],
                                          shift == config_.bias_shift.end() ? std::vector<float>{} : shift->second);
  if (bias.added) patch_.become(node.id, node.op == "MatMul" ? "inc.MatMul" : node.op, kBiasInput + 1);
  if (!bias.integer || data_scale == 0) {
    patch_.replace_input(node.id, slot, weight_dequantized(node.input(slot), *quantized));
    if (bias.value && shift != config_.bias_shift.end()) set_bias(node, patch_.add_constant(bias_name(node), *bias.value));
    return;
  }
  QParams qparams = quantized->qparams;
  qparams.scale = scales_for_bias(qparams, *bias.value, static_cast<double>(data_scale));
  if (qparams.scale == quantized->qparams.scale) {
    patch_.replace_input(node.id, slot, weight_dequantized(node.input(slot), *quantized));
  } else {
    const ir::Tensor q = quantize(factors != nullptr ? scale_inputs(weight, channels, factor) : weight, qparams);
    patch_.replace_input(node.id, slot, dequantize_constant(graph_.value(node.input(slot)).name, q, qparams));
  }
  quantize_bias(node, *bias.value, data_scale, qparams);
}

std::string QdqInserter::bias_name(const ir::Node& node) const {
  const ir::ValueId id = node.input(kBiasInput);
  return id.none() ? node.name + "_bias" : graph_.value(id).name;
}

void QdqInserter::quantize_bias(const ir::Node& node, const ir::Tensor& bias, float data_scale, const QParams& weight) {
  QParams qparams{DType::Int32, {}, weight.zero_point, weight.axis < 0 ? -1 : bias.rank() - 1};
  for (const float s : weight.scale) qparams.scale.push_back(data_scale * s);
  set_bias(node, dequantize_constant(bias_name(node), quantize(bias, qparams), qparams));
}

void QdqInserter::set_bias(const ir::Node& node, ir::ValueId bias) {
  if (!node.input(kBiasInput).none()) patch_.replace_input(node.id, kBiasInput, {});
  patch_.replace_input(node.id, kBiasInput, bias);
}

ir::ValueId QdqInserter::weight_dequantized(ir::ValueId source, const QuantizedWeight& weight) {
  const auto known = shared_weights_.find(&weight);
  if (known != shared_weights_.end()) return known->second;
  const ir::ValueId out = dequantize_constant(graph_.value(source).name, weight.q, weight.qparams);
  shared_weights_.emplace(&weight, out);
  return out;
}

ir::ValueId QdqInserter::dequantize_constant(const std::string& stem, const ir::Tensor& q, const QParams& qparams) {
  const auto values = patch_.add_constant(stem + "_quantized", q);
  const auto scale = patch_.add_constant(stem + "_scale", scale_tensor(qparams));
  const auto zero = patch_.add_constant(stem + "_zero_point", zero_point_tensor(qparams));
  return patch_.add_node({"DequantizeLinear",
                          {values, scale, zero},
                          axis_attr(qparams),
                          stem + "_dequantize",
                          {ir::TensorType::of(DType::Float, q.shape())},
                          {stem + "_dequantized"}})[0];
}

}  // namespace inc::quant
