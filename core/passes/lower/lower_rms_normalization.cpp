#include "core/passes/lower/since.h"
#include "core/passes/normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {
Rule lower_rms_normalization() {
  return {.name = "lower_rms_normalization",
          .pattern = "y = RMSNormalization(x, s)",
          .where = [](const ir::Graph& g,
                      const Match& m) { return must_decompose(g, g.node(m.node("y")), kRmsNormalizationOpset); },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "standard operators");
                patch.replace(m["y"], add_root_mean_square(g, patch, g.node(m.node("y")), m["x"]));
                return patch;
              }};
}

}  // namespace inc::passes
