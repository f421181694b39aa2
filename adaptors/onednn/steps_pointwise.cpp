#include <algorithm>

#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "kernels/pointwise/pointwise.h"

namespace inc::onednn {
namespace {

/// Nothing for anything but windows of one pixel, all pixels, one group.
std::optional<kernels::PointwiseShape> read_shape(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size() || node.attrs.integer("group", 1) != 1) return {};
  for (std::size_t i = 2; i < x.size(); ++i)
    if (w[i] != 1 || x[i] != y[i]) return {};
  for (const std::int64_t stride : node.attrs.integers("strides", {}))
    if (stride != 1) return {};
  for (const std::int64_t pad : node.attrs.integers("pads", {}))
    if (pad != 0) return {};
  return kernels::PointwiseShape{ir::element_count(y) / y[1], x[1], y[1]};
}

bool convolve(Builder& b, const Anchor& a, const kernels::PointwiseShape& shape, bool with_factors) {
  auto form = bounded_form(b, a, with_factors);
  if (!form || form->to == DType::Float) return false;
  const bool adds = !a.residual.none();
  const Dequantized added = adds ? *dequantized(b, a.residual) : Dequantized{};
  float residual_scale = 0;
  if (adds) {
    residual_scale = added.scale.scale / a.sink->scale.scale;
    for (float& shift : form->constants.shift) shift -= static_cast<float>(added.scale.zero_point) * residual_scale;
  }
  auto group = bounded_group<kernels::PointwiseGroup>(b, a, *form, shape);
  group.has_residual = adds;
  group.signed_residual = adds && added.scale.dtype == DType::Int8;
  group.residual_scale = residual_scale;
  auto plan = kernels::plan_pointwise8(group);
  if (!plan) return false;
  const auto shared = std::make_shared<const kernels::Pointwise8>(std::move(*plan));
  const int shares = threads();
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  const int x = b.in(a.input->q, channels_last_desc(a.input->scale.dtype, b.shape(a.x)));
  const int weights =
      b.packed(a.weights->q, "pointwise", static_cast<std::size_t>(shared->weight_bytes),
               [&](std::byte* to) { kernels::pack_pointwise8(*shared, b.known(a.weights->q)->data<std::int8_t>(), to); });
  std::vector<int> reads{x, weights};
  const int residual = adds ? b.in(added.q, channels_last_desc(added.scale.dtype, out)) : -1;
  if (adds) reads.push_back(residual);
  const int y = b.scratch(form->to, out, channels_last_desc(form->to, out));
  Step& step = b.step(a.node, "inc:pointwise8", std::move(reads), {y}, [=](Frame& f) {
    kernels::pointwise8(*shared, f.at(weights), f.at(x), residual < 0 ? nullptr : f.at(residual), f.at(y), shares);
  });
  step.profile.isa = "avx512_core_vnni";
  finish(b, a, {Arithmetic::Int8, false, false, !form->seen, with_factors, form->apart}, step, y);
  return true;
}

/// None, or 8-bit numbers with one scale, of the output's shape, where they alone are added to.
bool takes_residual(const Builder& b, const Anchor& a) {
  if (a.residual.none()) return true;
  if (a.factors || !a.sink || b.shape(a.residual) != b.shape(a.node.outputs[0])) return false;
  if (b.pending_dequantize(a.residual) == nullptr || activates_apart(a, Arithmetic::Int8)) return false;
  return dequantized(b, a.residual).has_value();
}

}  // namespace

bool emit_pointwise(Builder& b, const ir::Node& node) {
  if (!kernels::has_vnni() || !has_vnni() || isa_name().find("amx") != std::string::npos) return false;
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const auto shape = read_shape(b, node);
  if (!shape) return false;
  const Anchor a = read_anchor(b, node, 0);
  if (!a.integer || !a.input->run_scale.none() || a.weights->zero_point != 0 || !a.bf16_casts.empty()) return false;
  if (!takes_residual(b, a)) return false;
  const bool within = a.factors && !activates_apart(a, Arithmetic::Int8);
  return (within && convolve(b, a, *shape, true)) || convolve(b, a, *shape, false);
}

}  // namespace inc::onednn
