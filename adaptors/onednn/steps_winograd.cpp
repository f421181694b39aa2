#include "adaptors/onednn/bounded.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "kernels/winograd/winograd.h"

namespace inc::onednn {

bool emit_winograd(Builder& b, const ir::Node& node) {
  if (kernels::isa() == kernels::Isa::Baseline) return false;
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  const DType type = b.dtype(node.inputs[0]);
  if (!multiplies(type) || b.shape(node.inputs[0]).size() != 4 || !b.is_known(node.inputs[1])) return false;
  if (type == DType::BFloat16 && isa_name().find("amx") != std::string::npos) return false;
  const auto shape = one_group_shape<kernels::WinogradShape>(b, node);
  if (!shape || ir::element_count(b.shape(node.outputs[0])) == 0) return false;
  const std::int64_t tile = kernels::winograd_tile(*shape, type == DType::BFloat16 ? 2 : 1);
  if (tile == 0) return false;
  const Anchor a = read_anchor(b, node, 0);
  if (a.integer || !adds_alike(b, a) || (!a.bias.none() && !b.is_known(a.bias))) return false;
  const Arithmetic arithmetic = a.bf16 ? Arithmetic::Bf16 : Arithmetic::Fp32;
  const auto cut = real_bounds(a, arithmetic);
  if (!cut) return false;

  const auto plan = std::make_shared<const kernels::Winograd>(kernels::plan_winograd(*shape, tile, threads()));
  const ir::Shape &in = b.shape(a.x), &out = b.shape(node.outputs[0]);
  const int x = b.in(a.x, channels_last_desc(type, in));
  const int weights =
      b.packed(a.weight, "winograd " + std::to_string(tile), static_cast<std::size_t>(plan->weight_bytes),
               [&](std::byte* to) { kernels::pack_winograd(*plan, b.known(a.weight)->at_hand().to_floats().data(), to); });
  const int bias = bias_or_zeros(b, a, shape->out_channels);
  std::vector<int> reads{x, weights, bias};
  const int residual = a.residual.none() ? -1 : b.in(a.residual, channels_last_desc(type, out));
  if (residual >= 0) reads.push_back(residual);
  const DType to = cut->apart ? DType::Float : type;
  const int y = b.scratch(to, out, channels_last_desc(to, out));
  const ir::Shape bytes{plan->scratch_bytes};
  const int scratch = b.scratch(DType::UInt8, bytes, plain_desc(DType::UInt8, bytes));
  Step& step =
      b.step(node, "inc:winograd" + std::to_string(tile) + (a.bf16 ? ":bf16" : ""), std::move(reads), {y, scratch},
             [=, c = *cut, brain = a.bf16](Frame& f) {
               kernels::winograd(*plan, {f.at(weights), f.at(x), f.as<float>(bias), residual < 0 ? nullptr : f.at(residual),
                                         f.at(y), f.at(scratch), c.low, c.high, c.slope, brain, brain && !c.apart});
             });
  step.profile.isa = kernels::isa_name();
  finish(b, a, {arithmetic, false, false, false, false, cut->apart}, step, y);
  return true;
}

}  // namespace inc::onednn
