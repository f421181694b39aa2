#include <algorithm>

#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "core/base/parallel.h"
#include "kernels/integer/integer.h"
#include "kernels/isa.h"
#include "kernels/stem/stem.h"

namespace inc::onednn {
namespace {

/// A packed group and what its step needs besides.
struct Stem {
  Anchor anchor;
  std::shared_ptr<const kernels::Stem8> packed;
  DType to;
  bool with_factors, seen, apart;
};

std::optional<Stem> pack(const Builder& b, const Anchor& a, const kernels::StemShape& shape, bool with_factors) {
  const auto form = bounded_form(b, a, with_factors);
  if (!form) return {};
  auto packed = kernels::pack_stem8(bounded_group<kernels::StemGroup>(b, a, *form, shape));
  if (!packed) return {};
  return Stem{a,          std::make_shared<const kernels::Stem8>(std::move(*packed)), form->to, with_factors, form->seen,
              form->apart};
}

/// Where the library's sums are exact: its kernel, or kernels/integer in pairs (10×4 from 1 channel to 276: 0.7 of the
/// time).
bool others_win(const kernels::StemShape& s) {
  if (kernels::has_vnni()) return false;
  const kernels::IntegerShape same{.height = s.height,
                                   .width = s.width,
                                   .channels = s.channels,
                                   .out_height = s.out_height,
                                   .out_width = s.out_width,
                                   .out_channels = s.out_channels,
                                   .kernel_height = s.kernel_h,
                                   .kernel_width = s.kernel_w};
  return s.channels > 1 || kernels::faster_than_library(same);
}

std::optional<Stem> find(Builder& b, const ir::Node& node) {
  if (kernels::isa() == kernels::Isa::Baseline) return {};  // there the library's kernels are faster
  if (node.op != "Conv" && node.op != "inc.Conv") return {};
  if (b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return {};
  const auto shape = one_group_shape<kernels::StemShape>(b, node);
  if (!shape || shape->channels > kernels::kStemChannels || ir::element_count(b.shape(node.outputs[0])) == 0) return {};
  Anchor a = read_anchor(b, node, 0);
  if (!a.integer || !a.residual.none() || !a.input->run_scale.none() || a.weights->zero_point != 0 || !a.bf16_casts.empty())
    return {};
  if (a.note.empty() && others_win(*shape)) return {};
  a.note.clear();
  if (a.factors && !activates_apart(a, Arithmetic::Int8))
    if (auto stem = pack(b, a, *shape, true)) return stem;
  return pack(b, a, *shape, false);
}

/// `x`: a slot of FP32 data, channel by channel, of that scale; or, with scale 0, of 8-bit data, channels last.
void emit(Builder& b, const Stem& stem, int x, float scale) {
  const auto packed = stem.packed;
  const int shares = threads();
  const ir::Shape& out = b.shape(stem.anchor.node.outputs[0]);
  const int y = b.scratch(stem.to, out, channels_last_desc(stem.to, out));
  const ir::Shape bytes{packed->scratch_bytes * shares};
  const int scratch = b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes));
  const std::string kernel = std::string(scale == 0 ? "inc:stem8:" : "inc:stem:") + packed->isa;
  Step& step = b.step(stem.anchor.node, kernel, {x}, {y, scratch}, [=](Frame& f) {
    if (scale == 0)
      kernels::stem8(*packed, f.at(x), f.at(y), f.at(scratch), shares);
    else
      kernels::stem8(*packed, f.as<float>(x), scale, f.at(y), f.at(scratch), shares);
  });
  step.profile.isa = packed->isa;
  finish(b, stem.anchor, {Arithmetic::Int8, false, false, !stem.seen, stem.with_factors, stem.apart}, step, y);
}

}  // namespace

bool emit_stem(Builder& b, const ir::Node& node) {
  const auto stem = find(b, node);
  if (!stem) return false;
  const Dequantized& in = *stem->anchor.input;
  emit(b, *stem, b.in(in.q, channels_last_desc(in.scale.dtype, b.shape(node.inputs[0]))), 0);
  return true;
}

void reserve_stems(Builder& b) {
  for (const ir::NodeId id : b.graph().nodes()) {
    const ir::Node& node = b.graph().node(id);
    if (!node.op.ends_with("Conv")) continue;
    const auto only_user = [&](ir::ValueId v) { return !b.observed(v) && b.graph().value(v).consumers.size() == 1; };
    const ir::Node* dequantize = b.graph().producer(node.inputs[0]);
    if (dequantize == nullptr || dequantize->op != "DequantizeLinear" || !only_user(node.inputs[0])) continue;
    const ir::Node* quantize = b.graph().producer(dequantize->inputs[0]);
    if (quantize == nullptr || quantize->op != "QuantizeLinear" || !only_user(dequantize->inputs[0])) continue;
    const ir::ValueId x = quantize->inputs[0];
    const auto as = tensor_scale(b, *quantize);
    if (!as || b.graph().producer(x) != nullptr || b.is_known(x)) continue;
    const auto stem = find(b, node);
    if (!stem || as->zero_point != stem->anchor.input->scale.zero_point) continue;
    b.reserve(id, {quantize->id, dequantize->id},
              [s = *stem, x, scale = as->scale](Builder& builder) { emit(builder, s, builder.plain(x), scale); });
  }
}

}  // namespace inc::onednn
