#include <algorithm>
#include <cmath>
#include <limits>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/linear.h"
#include "core/base/parallel.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/isa.h"

namespace inc::onednn {
namespace {

using kernels::DepthwiseGroup;
using kernels::DepthwiseOut;

/// Nothing for anything but one filter per channel in two dimensions.
std::optional<kernels::DepthwiseShape> read_shape(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  if (x.size() != 4 || w.size() != 4 || w[1] != 1 || w[0] != x[1] || node.attrs.integer("group", 1) != x[1]) return {};
  const auto strides = node.attrs.integers("strides", {1, 1}), dilations = node.attrs.integers("dilations", {1, 1});
  const auto pads = node.attrs.integers("pads", {0, 0, 0, 0});
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  std::int64_t before[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = (y[i + 2] - 1) * strides[i] + (w[i + 2] - 1) * dilations[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(reach - x[i + 2], 0);
    before[i] = automatic == "SAME_UPPER"   ? total / 2
                : automatic == "SAME_LOWER" ? total - total / 2
                : automatic == "VALID"      ? 0
                                            : pads[i];
  }
  return kernels::DepthwiseShape{x[0], x[2],       x[3],       x[1],         y[2],         y[3],      w[2],
                                 w[3], strides[0], strides[1], dilations[0], dilations[1], before[0], before[1]};
}

struct Constants {
  std::vector<float> scale, shift, low, high;
};

/// t = sum * scale + shift is the group's result before its activation, in steps of the output's scale; an activation that
/// cuts becomes bounds. Nothing for other activations and for factors that are not one per channel.
std::optional<Constants> read_constants(const Builder& b, const Anchor& a, bool with_factors, float step) {
  const auto channels = static_cast<std::size_t>(b.shape(a.weight)[0]);
  const std::string& name = a.epilogue.activation;
  const float inf = std::numeric_limits<float>::infinity();
  float low = -inf, high = inf;
  if (name == "relu")
    low = 0;
  else if (name == "clip")
    low = a.epilogue.alpha, high = a.epilogue.beta;
  else if (name != "none")
    return {};
  std::vector<float> bias(channels, 0.0f);
  if (!a.bias.none()) {
    if (!b.is_known(a.bias)) return {};
    bias = b.known(a.bias)->to_floats();
  }
  Constants c;
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

bool convolve(Builder& b, const Anchor& a, const kernels::DepthwiseShape& shape, bool with_factors) {
  const bool seen = a.sink && with_factors == a.factors.has_value();
  const DType to = seen ? a.sink->scale.dtype : DType::Float;
  const auto constants = read_constants(b, a, with_factors, seen ? a.sink->scale.scale : 1.0f);
  if (!constants) return false;
  DepthwiseGroup group;
  group.shape = shape;
  group.weights = b.known(a.weights->q)->data<std::int8_t>();
  group.scale = constants->scale.data();
  group.shift = constants->shift.data();
  group.low = constants->low.data();
  group.high = constants->high.data();
  group.signed_input = a.input->scale.dtype == DType::Int8;
  group.input_zero = a.input->scale.zero_point;
  group.out = to == DType::UInt8 ? DepthwiseOut::U8 : to == DType::Int8 ? DepthwiseOut::S8 : DepthwiseOut::F32;
  group.out_zero = seen ? a.sink->scale.zero_point : 0;
  auto packed = kernels::pack_depthwise8(group);
  if (!packed) return false;
  const auto shared = std::make_shared<const kernels::Depthwise8>(std::move(*packed));
  const int shares = threads();
  const int x = b.in(a.input->q, channels_last_desc(a.input->scale.dtype, b.shape(a.x)));
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  const int y = b.scratch(to, out, channels_last_desc(to, out));
  const ir::Shape bytes{std::max<std::int64_t>(1, shared->scratch_bytes * shares)};
  const int scratch = b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes));
  Step& step = b.step(a.node, std::string("inc:depthwise8:") + shared->isa, {x}, {y, scratch},
                      [=](Frame& f) { kernels::depthwise8(*shared, f.at(x), f.at(y), f.at(scratch), shares); });
  step.profile.isa = shared->isa;
  finish(b, a, {Arithmetic::Int8, false, false, !seen, with_factors}, step, y);
  return true;
}

}  // namespace

bool emit_depthwise(Builder& b, const ir::Node& node) {
  if (kernels::isa() == kernels::Isa::Baseline) return false;  // there the library's kernels are faster
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const auto shape = read_shape(b, node);
  if (!shape) return false;
  Anchor a = read_anchor(b, node, 0);
  if (!a.integer || !a.residual.none() || !a.input->run_scale.none() || a.weights->zero_point != 0 || !a.bf16_casts.empty())
    return false;
  a.note.clear();
  return (a.factors && convolve(b, a, *shape, true)) || convolve(b, a, *shape, false);
}

}  // namespace inc::onednn
