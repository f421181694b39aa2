#include "core/passes/lower/since.h"
#include "core/passes/rules.h"

namespace inc::passes {
Rule lower_hard_swish() {
  return {.name = "lower_hard_swish",
          .pattern = "y = HardSwish(x)",
          .where = [](const ir::Graph& g, const Match& m) { return too_new(g, m["y"], kHardSwishOpset); },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& node = g.node(m.node("y"));
                const ir::TensorType type = g.value(m["y"]).type;
                const ir::Attrs attrs = {{"alpha", 1.0f / 6}, {"beta", 0.5f}};
                ir::Patch patch(g, "standard operators");
                const auto gate = patch.add_node({"HardSigmoid", {m["x"]}, attrs, node.name + "/gate", {type}, {}})[0];
                patch.replace(m["y"], patch.add_node({"Mul", {m["x"], gate}, {}, node.name, {type}, {}})[0]);
                return patch;
              }};
}

}  // namespace inc::passes
