#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule strip_constant() {
  return {.name = "strip_constant",
          .pattern = "y = DequantizeLinear(q, s, ...)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            if (!is_fixed(g, m["y"])) return Support::no("");
            return g.is_output(m["y"]) ? Support::no(name_of(g, m["y"]) + " is a graph output") : Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "FP32");
                patch.replace(m["y"], patch.add_constant(g.value(m["y"]).name, fixed_value(g, m["y"])));
                return patch;
              }};
}

}  // namespace inc::passes
