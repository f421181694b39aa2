#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "kernels/stem32/stem32.h"

namespace inc::onednn {

bool emit_stem32(Builder& b, const ir::Node& node) {
  if ((kernels::isa() == kernels::Isa::Avx512) != isa_name().starts_with("avx512")) return false;
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  const DType type = b.dtype(node.inputs[0]);
  if (!multiplies(type) || !b.is_known(node.inputs[1])) return false;
  if (type == DType::BFloat16 && isa_name().find("amx") != std::string::npos) return false;
  const auto shape = one_group_shape<kernels::StemShape>(b, node);
  const ir::Shape& out = b.shape(node.outputs[0]);
  if (!shape || !kernels::faster_stem32(*shape) || ir::element_count(out) == 0) return false;
  const Anchor a = read_anchor(b, node, 0);
  if (a.integer || !a.residual.none() || a.factors || (!a.bias.none() && !b.is_known(a.bias))) return false;
  const Arithmetic arithmetic = a.bf16 ? Arithmetic::Bf16 : Arithmetic::Fp32;
  const auto cut = real_bounds(a, arithmetic);
  if (!cut || cut->slope != 1.0f || (cut->apart && a.bf16)) return false;
  const bool channels_first = shape->channels == 1 || b.slot(b.any(a.x)).desc == plain_desc(type, b.shape(a.x));
  if (!channels_first) return false;

  const auto plan = std::make_shared<const kernels::Stem32>(kernels::plan_stem32(*shape, a.bf16));
  const int shares = threads(), x = b.plain(a.x);
  const int weights =
      b.packed(a.weight, "stem32", static_cast<std::size_t>(plan->weight_count) * sizeof(float), [&](std::byte* to) {
        kernels::pack_stem32(*plan, b.known(a.weight)->at_hand().to_floats().data(), reinterpret_cast<float*>(to));
      });
  const int bias = bias_or_zeros(b, a, plan->lanes);
  const int y = b.scratch(type, out, channels_last_desc(type, out));
  const ir::Shape bytes{plan->scratch_bytes * shares};
  const int scratch = b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes));
  const char* kernel = a.bf16 ? "inc:stem32:bf16" : "inc:stem32";
  Step& step = b.step(node, kernel, {x, weights, bias}, {y, scratch}, [=, c = *cut](Frame& f) {
    kernels::stem32(*plan,
                    {f.as<float>(weights), f.as<float>(bias), f.at(x), f.at(y), f.at(scratch), c.low, c.high, shares});
  });
  step.profile.isa = kernels::isa_name();
  finish(b, a, {arithmetic, false, false, false, false, cut->apart}, step, y);
  return true;
}

}  // namespace inc::onednn
