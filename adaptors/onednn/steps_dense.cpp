#include <algorithm>
#include <functional>

#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "kernels/dense/dense.h"
#include "kernels/isa.h"
#include "kernels/winograd/winograd8.h"

namespace inc::onednn {
namespace {

/// The residual is 8-bit data with one scale.
bool adds_8_bits(const Builder& b, const Anchor& a) {
  return b.pending_dequantize(a.residual) != nullptr && dequantized(b, a.residual).has_value();
}

/// A kernel that takes the group.
struct Way {
  std::string kernel, layout;  ///< layout: of the packed weights
  std::string isa;
  std::int64_t weight_bytes, scratch_bytes;
  std::function<void(const std::int8_t*, std::byte*)> pack;
  std::function<void(const kernels::DenseOperands&)> run;
};

/// Products of 8 bits that the direct kernel makes in the time of one of int16: with VNNI; the library's, which adds pairs
/// in int16; kernels/integer.
double direct_speed(const Anchor& a) {
  return kernels::has_vnni() ? 2 : a.note.empty() ? 1.3 : 1;
}

std::optional<Way> by_tiles(const Anchor& a, const kernels::DenseGroup& group, int shares) {
  auto plan = kernels::plan_winograd8(group, direct_speed(a), shares);
  if (!plan) return {};
  const auto p = std::make_shared<const kernels::Winograd8>(std::move(*plan));
  const std::string isa = std::string(kernels::isa_name()) + (kernels::has_vnni() ? "_vnni" : "");
  return Way{"inc:winograd8",
             "winograd8 " + std::to_string(p->tiles.panel),
             isa,
             p->tiles.weight_bytes,
             p->tiles.scratch_bytes,
             [p](const std::int8_t* weights, std::byte* to) { kernels::pack_winograd8(*p, weights, to); },
             [p](const kernels::DenseOperands& operands) { kernels::winograd8(*p, operands); }};
}

std::optional<Way> directly(const Builder& b, const Anchor& a, const kernels::DenseGroup& group, int shares) {
  const bool numbers = group.out == kernels::DenseOut::F32 || (!a.residual.none() && !adds_8_bits(b, a));
  if (!has_vnni() || !kernels::faster_dense(group.shape, numbers)) return {};
  auto plan = kernels::plan_dense8(group);
  if (!plan) return {};
  const auto p = std::make_shared<const kernels::Dense8>(std::move(*plan));
  return Way{"inc:dense8",
             p->in_order ? "dense8 in order" : "dense8",
             "avx512_core_vnni",
             p->weight_bytes,
             p->scratch_bytes * shares,
             [p](const std::int8_t* weights, std::byte* to) { kernels::pack_dense8(*p, weights, to); },
             [p](const kernels::DenseOperands& operands) { kernels::dense8(*p, operands); }};
}

bool convolve(Builder& b, Anchor& a, const kernels::DenseShape& shape, bool with_factors) {
  auto form = bounded_form(b, a, with_factors);
  if (!form || (form->to == DType::Float && !a.residual.none())) return false;
  const bool adds = !a.residual.none(), adds_bytes = adds && adds_8_bits(b, a);
  const Dequantized added = adds_bytes ? *dequantized(b, a.residual) : Dequantized{};
  const float residual_scale = adds ? added.scale.scale / a.sink->scale.scale : 0.0f;
  for (float& shift : form->constants.shift) shift -= static_cast<float>(added.scale.zero_point) * residual_scale;
  auto group = bounded_group<kernels::DenseGroup>(b, a, *form, shape);
  using Residual = kernels::DenseResidual;
  const Residual as_bytes = added.scale.dtype == DType::Int8 ? Residual::S8 : Residual::U8;
  group.residual = adds_bytes ? as_bytes : adds ? Residual::F32 : Residual::None;
  group.residual_scale = residual_scale;
  const int shares = threads();
  auto way = by_tiles(a, group, shares);
  if (!way) way = directly(b, a, group, shares);
  if (!way) return false;
  a.note.clear();
  const ir::Shape& out = b.shape(a.node.outputs[0]);
  const int x = b.in(a.input->q, channels_last_desc(a.input->scale.dtype, b.shape(a.x)));
  const int weights = b.packed(a.weights->q, way->layout, static_cast<std::size_t>(way->weight_bytes),
                               [&](std::byte* to) { way->pack(b.known(a.weights->q)->at_hand().data<std::int8_t>(), to); });
  std::vector<int> reads{x, weights};
  const DType added_type = adds_bytes ? added.scale.dtype : DType::Float;
  const int residual = adds ? b.in(adds_bytes ? added.q : a.residual, channels_last_desc(added_type, out)) : -1;
  if (adds) reads.push_back(residual);
  const int y = b.scratch(form->to, out, channels_last_desc(form->to, out));
  std::vector<int> writes{y};
  const ir::Shape bytes{way->scratch_bytes};
  const int scratch = bytes[0] > 0 ? b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes)) : -1;
  if (scratch >= 0) writes.push_back(scratch);
  Step& step = b.step(a.node, way->kernel, std::move(reads), std::move(writes), [=, run = way->run](Frame& f) {
    const auto at = [&](int slot) { return slot < 0 ? nullptr : f.at(slot); };
    run({f.at(weights), f.at(x), at(residual), f.at(y), at(scratch), shares});
  });
  step.profile.isa = way->isa;
  finish(b, a, {Arithmetic::Int8, false, false, !form->seen, with_factors, form->apart}, step, y);
  return true;
}

/// None, or one of the output's shape behind which the output is quantized.
bool takes_residual(const Builder& b, const Anchor& a) {
  if (a.residual.none()) return true;
  return !a.factors && a.sink && b.shape(a.residual) == b.shape(a.node.outputs[0]) && b.dtype(a.residual) == DType::Float &&
         !activates_apart(a, Arithmetic::Int8);
}

}  // namespace

bool emit_dense(Builder& b, const ir::Node& node) {
  if (kernels::isa() == kernels::Isa::Baseline || isa_name().find("amx") != std::string::npos) return false;
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const auto shape = one_group_shape<kernels::DenseShape>(b, node);
  if (!shape) return false;
  Anchor a = read_anchor(b, node, 0);
  if (!a.integer || !a.input->run_scale.none() || a.weights->zero_point != 0 || !a.bf16_casts.empty()) return false;
  if (!takes_residual(b, a)) return false;
  const bool within = a.factors && !activates_apart(a, Arithmetic::Int8);
  return (within && convolve(b, a, *shape, true)) || convolve(b, a, *shape, false);
}

}  // namespace inc::onednn
