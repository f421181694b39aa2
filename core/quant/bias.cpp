#include "core/quant/bias.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::quant {
namespace {

void check(std::span<const float> shift, std::int64_t channels) {
  if (static_cast<std::int64_t>(shift.size()) != channels)
    throw ConfigError(fmt::format("bias shift: {} numbers found, {} expected", shift.size(), channels));
  for (const float s : shift)
    if (!std::isfinite(s)) throw ConfigError(fmt::format("bias shift: {} found, a finite number expected", s));
}

/// bias + shift / beta, broadcast where the bias has fewer columns than there are channels.
ir::Tensor shifted(const ir::Tensor& bias, std::span<const float> shift, float beta) {
  const auto channels = static_cast<std::int64_t>(shift.size());
  ir::Shape shape = bias.rank() == 0 ? ir::Shape{1} : bias.shape();
  const std::int64_t columns = shape.back();
  shape.back() = channels;
  ir::Tensor out(DType::Float, shape);
  const float* from = bias.data<float>();
  float* to = out.mutable_data<float>();
  for (std::int64_t i = 0; i < out.count(); ++i) {
    const std::int64_t row = i / channels, column = i % channels;
    to[i] = from[row * columns + (columns == 1 ? 0 : column)] + shift[static_cast<std::size_t>(column)] / beta;
  }
  return out;
}

}  // namespace

AnchorBias bias_with_shift(const ir::Graph& graph, const ir::Node& anchor, std::int64_t channels,
                           std::span<const float> shift) {
  if (!shift.empty()) check(shift, channels);
  const ir::ValueId id = anchor.input(2);
  const float alpha = anchor.attrs.real("alpha", 1), beta = anchor.attrs.real("beta", 1);
  const bool plain = alpha == 1 && beta == 1;
  if (id.none()) {
    if (shift.empty() || beta == 0) return {};
    return {shifted(ir::Tensor::scalar(0.0f), shift, beta), plain, true};
  }
  const ir::Tensor* bias = graph.constant(id);
  if (bias == nullptr || bias->dtype() != DType::Float) return {};
  AnchorBias out{*bias, plain && bias->rank() > 0 && bias->count() == channels && bias->shape().back() == channels, false};
  const std::int64_t columns = bias->rank() == 0 ? 1 : bias->shape().back();
  if (shift.empty() || beta == 0 || (columns != 1 && columns != channels)) return out;
  out.value = shifted(*bias, shift, beta);
  out.integer = plain && out.value->count() == channels;
  return out;
}

}  // namespace inc::quant
