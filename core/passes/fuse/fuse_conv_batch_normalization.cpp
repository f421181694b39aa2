#include <fmt/format.h>

#include "core/passes/anchor.h"
#include "core/passes/batch_normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_conv_batch_normalization() {
  return {.name = "fuse_conv_batch_normalization",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            y = BatchNormalization(t, scale, shift, mean, variance)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Node &anchor = g.node(m.node("t")), &norm = g.node(m.node("y"));
            if (Support s = constant_normalization(g, norm); !s) return s;
            if (Support s = foldable(g, anchor); !s) return s;
            if (anchor.op.ends_with("MatMul") && g.value(m["t"]).type.rank() != 2)
              return Support::no(
                  fmt::format("the channel axis of the BatchNormalization is not the last one of '{}'", anchor.name));
            if (channels_of(g, anchor) != g.constant(m["scale"])->count())
              return Support::no("the BatchNormalization has not one value per output channel");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& anchor = g.node(m.node("t"));
                const ChannelAffine affine = channel_affine(g, g.node(m.node("y")));
                std::vector<float> bias = bias_of(g, anchor);
                for (std::size_t c = 0; c < bias.size(); ++c) bias[c] = bias[c] * affine.scale[c] + affine.shift[c];
                const ir::Tensor weight = scaled_weight(g, anchor, affine.scale);
                return with_parameters(g, anchor, m["y"], &weight, bias,
                                       fmt::format("BatchNormalization into '{}'", anchor.name));
              }};
}

}  // namespace inc::passes
