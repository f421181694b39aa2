#include "adaptors/onednn/bounded.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace inc::onednn {
namespace {

/// `step`: the output's scale, 1 for FP32.
std::optional<BoundedChannels> bounded_channels(const Builder& b, const Anchor& a, bool with_factors, float step) {
  const auto channels = static_cast<std::size_t>(b.shape(a.weight)[0]);
  const std::string& name = a.epilogue.activation;
  const float inf = std::numeric_limits<float>::infinity();
  float low = -inf, high = inf;
  if (name == "relu")
    low = 0;
  else if (name == "clip")
    low = a.epilogue.alpha, high = a.epilogue.beta;
  else if (name != "none" && !activates_apart(a, Arithmetic::Int8))
    return {};
  std::vector<float> bias(channels, 0.0f);
  if (!a.bias.none()) {
    if (!b.is_known(a.bias)) return {};
    bias = b.known(a.bias)->to_floats();
  }
  BoundedChannels c;
  for (std::size_t i = 0; i < channels; ++i) {
    const auto pick = [&](const std::vector<float>& values) { return values[values.size() == 1 ? 0 : i]; };
    const double factor = (with_factors ? pick(a.factors->values) : 1.0f) / static_cast<double>(step);
    const double scale = static_cast<double>(a.input->scale.scale) * pick(a.weights->scale) * factor;
    c.scale.push_back(static_cast<float>(scale));
    c.shift.push_back(static_cast<float>(bias[i] * factor));
    const auto bound = [&](float v) { return std::isinf(v) && factor == 0 ? 0.0f : static_cast<float>(v * factor); };
    c.low.push_back(bound(factor < 0 ? high : low));
    c.high.push_back(bound(factor < 0 ? low : high));
  }
  return c;
}

}  // namespace

std::optional<Bounds> real_bounds(const Anchor& a, Arithmetic arithmetic) {
  if (activates_apart(a, arithmetic)) return Bounds{.apart = true};
  const std::string& name = a.epilogue.activation;
  if (name == "none") return Bounds{};
  if (name == "relu") return Bounds{.low = 0};
  if (name == "clip") return Bounds{a.epilogue.alpha, a.epilogue.beta};
  if (name == "leaky_relu") return Bounds{.slope = a.epilogue.alpha};
  return {};
}

int bias_or_zeros(Builder& b, const Anchor& a, std::int64_t count) {
  std::vector<float> biases;
  if (!a.bias.none()) biases = b.known(a.bias)->to_floats();
  biases.resize(static_cast<std::size_t>(count));
  return constant_floats(b, biases, {count});
}

bool adds_alike(const Builder& b, const Anchor& a) {
  const ir::ValueId y = a.node.outputs[0];
  return a.residual.none() || (b.shape(a.residual) == b.shape(y) && b.dtype(a.residual) == b.dtype(y));
}

std::optional<BoundedForm> bounded_form(const Builder& b, const Anchor& a, bool with_factors) {
  const bool apart = activates_apart(a, Arithmetic::Int8), seen = !apart && a.sink && with_factors == a.factors.has_value();
  auto constants = bounded_channels(b, a, with_factors, seen ? a.sink->scale.scale : 1.0f);
  if (!constants) return {};
  return BoundedForm{std::move(*constants), seen ? a.sink->scale.dtype : DType::Float, seen, apart};
}

std::int64_t padding_before(const ir::Node& node, std::size_t axis, std::int64_t in, std::int64_t out, std::int64_t window,
                            std::int64_t stride, std::int64_t dilation) {
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  const std::int64_t reach = (out - 1) * stride + (window - 1) * dilation + 1, total = std::max<std::int64_t>(reach - in, 0);
  if (automatic == "SAME_UPPER") return total / 2;
  if (automatic == "SAME_LOWER") return total - total / 2;
  const auto pads = node.attrs.integers("pads", {});
  return automatic == "VALID" || axis >= pads.size() ? 0 : pads[axis];
}

}  // namespace inc::onednn
