#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/dense32.h"
#include "adaptors/onednn/emitters.h"
#include "core/base/parallel.h"
#include "kernels/isa.h"

namespace inc::onednn {

bool emit_products(Builder& b, const Anchor& a, const Dense32Form& form) {
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  if (a.integer || a.bf16 || a.factors || ir::element_count(out) == 0) return false;
  if (!kernels::faster_dense32(form.shape, !a.residual.none())) return false;
  if (!adds_alike(b, a) || (!form.bias.none() && b.dtype(form.bias) != DType::Float)) return false;
  const auto cut = real_bounds(a, Arithmetic::Fp32);
  if (!cut) return false;

  const auto plan = std::make_shared<const kernels::Dense32>(kernels::plan_dense32(form.shape));
  const int x = b.in(a.x, form.src);
  const std::string layout = "dense32 " + std::to_string(plan->block) + " " + std::to_string(form.strides.in);
  const auto bytes = static_cast<std::size_t>(plan->weight_count) * sizeof(float);
  const int weights = b.packed(a.weight, layout, bytes, [&](std::byte* to) {
    const ir::Tensor w = b.known(a.weight)->at_hand();
    kernels::pack_dense32(*plan, {w.data<float>(), form.strides.out, form.strides.in}, reinterpret_cast<float*>(to));
  });
  std::vector<int> reads{x, weights};
  const int bias = form.bias.none() ? -1 : b.plain(form.bias);
  if (bias >= 0) reads.push_back(bias);
  const int residual = a.residual.none() ? -1 : b.in(a.residual, form.dst);
  if (residual >= 0) reads.push_back(residual);
  const bool in_place = residual >= 0 && b.exclusive(a.residual, a.node) && b.slot(residual).root != b.slot(x).root;
  const int y = in_place ? b.view(residual, DType::Float, out, form.dst) : b.scratch(DType::Float, out, form.dst);
  Step& step = b.step(a.node, "inc:dense32", std::move(reads), {y}, [=, c = *cut, shares = threads()](Frame& f) {
    kernels::dense32(*plan,
                     {f.as<float>(weights), bias < 0 ? nullptr : f.as<float>(bias), f.as<float>(x),
                      residual < 0 ? nullptr : f.as<float>(residual), f.as<float>(y), c.low, c.high, c.slope, shares});
  });
  step.profile.isa = kernels::isa_name();
  finish(b, a, {Arithmetic::Fp32, false, false, false, false, cut->apart}, step, y);
  return true;
}

bool emit_dense32(Builder& b, const ir::Node& node) {
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const auto shape = one_group_shape<kernels::StemShape>(b, node);
  if (!shape || !kernels::faster_dense32(*shape, false)) return false;
  const Anchor a = read_anchor(b, node, 0);
  const ir::Shape &in = b.shape(a.x), &out = b.shape(node.outputs[0]);
  return emit_products(b, a,
                       {*shape,
                        {nullptr, shape->channels, 1},
                        channels_last_desc(DType::Float, in),
                        channels_last_desc(DType::Float, out),
                        a.bias});
}

}  // namespace inc::onednn
