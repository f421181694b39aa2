#include "core/passes/lower/since.h"
#include "core/passes/normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {
Rule lower_layer_normalization() {
  return {.name = "lower_layer_normalization",
          .pattern = "y = LayerNormalization(x, s, ...)",
          .where = [](const ir::Graph& g,
                      const Match& m) { return must_decompose(g, g.node(m.node("y")), kLayerNormalizationOpset); },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& node = g.node(m.node("y"));
                ir::Patch patch(g, "standard operators");
                const ir::ValueId mean = add_mean(g, patch, node, m["x"], node.name + "/mean");
                const ir::ValueId centred =
                    patch.add_node({"Sub", {m["x"], mean}, {}, node.name + "/centred", {g.value(m["y"]).type}, {}})[0];
                patch.replace(m["y"], add_root_mean_square(g, patch, node, centred));
                return patch;
              }};
}

}  // namespace inc::passes
