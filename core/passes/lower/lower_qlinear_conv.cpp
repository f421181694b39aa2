#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/passes/facts.h"
#include "core/passes/lower/quantized_group.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

std::vector<float> bias_scales(const ir::Graph& g, const QuantizedGroup& group) {
  std::vector<float> scales = g.constant(group.w.scale)->to_floats();
  for (float& s : scales) s *= *scalar(g, group.x.scale);
  return scales;
}

/// In units of x_scale * w_scale; nullopt where a number does not fit into int32.
std::optional<std::vector<std::int32_t>> integer_bias(const std::vector<float>& bias, const std::vector<float>& scales) {
  std::vector<std::int32_t> result;
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double scale = static_cast<double>(scales[scales.size() == 1 ? 0 : i]);
    const double level = std::nearbyint(static_cast<double>(bias[i]) / scale);
    if (!(std::fabs(level) < static_cast<double>(std::numeric_limits<std::int32_t>::max()))) return std::nullopt;
    result.push_back(static_cast<std::int32_t>(level));
  }
  return result;
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& conv = g.node(m.node("c"));
  if (!dequantizes_operands(g, conv)) return Support::no("");
  const QuantizedGroup group = quantized_group(g, conv);
  if (!group.why_not.empty()) return Support::no(group.why_not);
  if (!g.constant(group.w.data) || !per_channel(g, group.w, 0))
    return Support::no(
        fmt::format("{} is not constant with one scale or one per output channel", name_of(g, conv.inputs[1])));
  if (conv.input(2).none()) return Support::yes();
  const ir::Tensor bias = fixed_value(g, conv.inputs[2]);
  if (!bias.defined() || bias.dtype() != DType::Float)
    return Support::no(fmt::format("the bias {} is not constant", name_of(g, conv.inputs[2])));
  if (!integer_bias(bias.to_floats(), bias_scales(g, group)))
    return Support::no(fmt::format("the bias {} does not fit into int32", name_of(g, conv.inputs[2])));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& conv = g.node(m.node("c"));
  const QuantizedGroup group = quantized_group(g, conv);
  ir::Patch patch(g, "QLinearConv");
  std::vector<ir::ValueId> inputs = {group.x.data,
                                     group.x.scale,
                                     zero_point_or_new(g, patch, group.x, conv.name + "_x_zero"),
                                     group.w.data,
                                     group.w.scale,
                                     zero_point_or_new(g, patch, group.w, conv.name + "_w_zero"),
                                     group.y.scale,
                                     zero_point_or_new(g, patch, group.y, conv.name + "_y_zero")};
  if (!conv.input(2).none()) {
    const auto bias = integer_bias(fixed_value(g, conv.inputs[2]).to_floats(), bias_scales(g, group));
    inputs.push_back(patch.add_constant(conv.name + "_bias_quantized",
                                        ir::Tensor::of<std::int32_t>({static_cast<std::int64_t>(bias->size())}, *bias)));
  }
  const ir::TensorType& type = g.value(group.y.data).type;
  patch.replace(group.y.data, patch.add_node({"QLinearConv", std::move(inputs), conv.attrs, conv.name, {type}, {}})[0]);
  return patch;
}

}  // namespace

Rule lower_qlinear_conv() {
  return {.name = "lower_qlinear_conv", .pattern = "c = Conv(x, w, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
