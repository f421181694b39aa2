#include <fmt/format.h>

#include <algorithm>

#include "core/passes/anchor.h"
#include "core/passes/batch_normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool pads_nothing(const ir::Node& conv) {
  const auto pads = conv.attrs.integers("pads");
  const auto kind = conv.attrs.text("auto_pad", "NOTSET");
  if (kind != "NOTSET" && kind != "VALID") return false;
  return std::all_of(pads.begin(), pads.end(), [](std::int64_t p) { return p == 0; });
}

ir::Patch fold(const ir::Graph& g, const Match& m) {
  const ir::Node& conv = g.node(m.node("y"));
  const ChannelAffine affine = channel_affine(g, g.node(m.node("t")));
  const ir::Tensor& old = *g.constant(m["w"]);
  const std::int64_t outs = old.shape()[0], ins = old.shape()[1], taps = old.count() / (outs * ins);
  const std::int64_t per_group = outs / conv.attrs.integer("group", 1);
  ir::Tensor weight(DType::Float, old.shape());
  const float* from = old.data<float>();
  float* to = weight.mutable_data<float>();
  std::vector<float> bias = bias_of(g, conv);
  for (std::int64_t o = 0; o < outs; ++o) {
    double shifted = 0;
    for (std::int64_t i = 0; i < ins; ++i) {
      const auto channel = static_cast<std::size_t>(o / per_group * ins + i);
      for (std::int64_t k = 0; k < taps; ++k, ++from, ++to) {
        *to = *from * affine.scale[channel];
        shifted += static_cast<double>(*from) * affine.shift[channel];
      }
    }
    bias[static_cast<std::size_t>(o)] += static_cast<float>(shifted);
  }
  const std::string why = fmt::format("BatchNormalization '{}' into '{}'", g.node(m.node("t")).name, conv.name);
  return with_parameters(g, conv, m["y"], &weight, bias, why, m["x"]);
}

}  // namespace

Rule fuse_batch_normalization_conv() {
  return {
      .name = "fuse_batch_normalization_conv",
      .pattern = R"(
            t = BatchNormalization(x, scale, shift, mean, variance)
            y = Conv(t, w, ...)
          )",
      .where = [](const ir::Graph& g, const Match& m) -> Support {
        const ir::Node& conv = g.node(m.node("y"));
        const ir::Node& norm = g.node(m.node("t"));
        if (Support s = constant_normalization(g, norm); !s) return s;
        if (Support s = foldable(g, conv); !s) return s;
        const auto shift = channel_affine(g, norm).shift;
        if (!pads_nothing(conv) && std::any_of(shift.begin(), shift.end(), [](float v) { return v != 0.0f; }))
          return Support::no(fmt::format("'{}' pads with zeros, which the normalization's shift would change", conv.name));
        const auto groups = conv.attrs.integer("group", 1);
        if (g.constant(m["w"])->shape()[1] * groups != static_cast<std::int64_t>(shift.size()))
          return Support::no("the BatchNormalization has not one value per input channel");
        return Support::yes();
      },
      .rewrite = fold};
}

}  // namespace inc::passes
