#include <algorithm>

#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "core/base/parallel.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/depthwise32/depthwise32.h"
#include "kernels/isa.h"

namespace inc::onednn {
namespace {

/// Nothing for anything but one filter per channel in two dimensions.
std::optional<kernels::DepthwiseShape> read_shape(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  if (x.size() != 4 || w.size() != 4 || w[1] != 1 || w[0] != x[1] || node.attrs.integer("group", 1) != x[1]) return {};
  const auto strides = node.attrs.integers("strides", {1, 1}), dilations = node.attrs.integers("dilations", {1, 1});
  std::int64_t before[2];
  for (std::size_t i = 0; i < 2; ++i)
    before[i] = padding_before(node, i, x[i + 2], y[i + 2], w[i + 2], strides[i], dilations[i]);
  return kernels::DepthwiseShape{x[0], x[2],       x[3],       x[1],         y[2],         y[3],      w[2],
                                 w[3], strides[0], strides[1], dilations[0], dilations[1], before[0], before[1]};
}

bool convolve(Builder& b, const Anchor& a, const kernels::DepthwiseShape& shape, bool with_factors) {
  const auto form = bounded_form(b, a, with_factors);
  if (!form) return false;
  auto packed = kernels::pack_depthwise8(bounded_group<kernels::DepthwiseGroup>(b, a, *form, shape));
  if (!packed) return false;
  const auto shared = std::make_shared<const kernels::Depthwise8>(std::move(*packed));
  const int shares = threads();
  const int x = b.in(a.input->q, channels_last_desc(a.input->scale.dtype, b.shape(a.x)));
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  const int y = b.scratch(form->to, out, channels_last_desc(form->to, out));
  const ir::Shape bytes{std::max<std::int64_t>(1, shared->scratch_bytes * shares)};
  const int scratch = b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes));
  Step& step = b.step(a.node, std::string("inc:depthwise8:") + shared->isa, {x}, {y, scratch},
                      [=](Frame& f) { kernels::depthwise8(*shared, f.at(x), f.at(y), f.at(scratch), shares); });
  step.profile.isa = shared->isa;
  finish(b, a, {Arithmetic::Int8, false, false, !form->seen, with_factors, form->apart}, step, y);
  return true;
}

/// The same in FP32.
bool convolve_reals(Builder& b, const Anchor& a, const kernels::DepthwiseShape& shape) {
  if (!a.residual.none() || a.factors || !kernels::faster_depthwise32(shape)) return false;
  if (!a.bias.none() && !b.is_known(a.bias)) return false;
  const auto cut = real_bounds(a, Arithmetic::Fp32);
  if (!cut) return false;
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  const std::int64_t taps = shape.kernel_h * shape.kernel_w, channels = shape.channels;
  const int x = b.in(a.x, channels_last_desc(DType::Float, b.shape(a.x)));
  const auto bytes = static_cast<std::size_t>(taps * channels) * sizeof(float);
  const int weights = b.packed(a.weight, "depthwise32", bytes, [&](std::byte* to) {
    const std::vector<float> from = b.known(a.weight)->at_hand().to_floats();
    for (std::int64_t i = 0; i < taps * channels; ++i)
      reinterpret_cast<float*>(to)[i % taps * channels + i / taps] = from[static_cast<std::size_t>(i)];
  });
  const int bias = bias_or_zeros(b, a, channels);
  const int y = b.scratch(DType::Float, out, channels_last_desc(DType::Float, out));
  const auto plan = std::make_shared<const kernels::Depthwise32>(kernels::plan_depthwise32(shape));
  Step& step = b.step(a.node, "inc:depthwise32", {x, weights, bias}, {y}, [=, c = *cut, shares = threads()](Frame& f) {
    kernels::depthwise32(
        *plan, {f.as<float>(weights), f.as<float>(bias), f.as<float>(x), f.as<float>(y), c.low, c.high, c.slope, shares});
  });
  step.profile.isa = kernels::isa_name();
  finish(b, a, {Arithmetic::Fp32, false, false, false, false, cut->apart}, step, y);
  return true;
}

}  // namespace

bool emit_depthwise(Builder& b, const ir::Node& node) {
  if (kernels::isa() == kernels::Isa::Baseline) return false;  // there the library's kernels are faster
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const auto shape = read_shape(b, node);
  if (!shape || ir::element_count(b.shape(node.outputs[0])) == 0) return false;
  Anchor a = read_anchor(b, node, 0);
  if (!a.integer) return convolve_reals(b, a, *shape);
  if (!a.residual.none() || !a.input->run_scale.none() || a.weights->zero_point != 0 || !a.bf16_casts.empty()) return false;
  a.note.clear();
  const bool within = a.factors && !activates_apart(a, Arithmetic::Int8);
  return (within && convolve(b, a, *shape, true)) || convolve(b, a, *shape, false);
}

}  // namespace inc::onednn
