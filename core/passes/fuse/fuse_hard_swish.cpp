#include <cmath>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_hard_swish() {
  return {.name = "fuse_hard_swish",
          .pattern = R"(
            a = Add(x, 3)
            c = Clip(a, 0, 6)
            h = Div(c, 6)
            h = Mul(c, 0.16666667)
            h = HardSigmoid(x)
            p = Mul(x, c)
            y = Mul(x, h)
            y = Div(p, 6)
            y = Mul(p, 0.16666667)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::TensorType &x = g.value(m["x"]).type, &y = g.value(m["y"]).type;
            if (x.dtype != DType::Float || !same_shape(x, y))
              return Support::no("the result is not shaped like " + name_of(g, m["x"]));
            if (!m.nodes.count("h") || g.node(m.node("h")).op != "HardSigmoid") return Support::yes();
            const ir::Attrs& attrs = g.node(m.node("h")).attrs;
            if (std::abs(attrs.real("alpha", 0.2f) - 1.0f / 6) > 1e-6f || attrs.real("beta", 0.5f) != 0.5f)
              return Support::no("alpha and beta of the HardSigmoid are not 1/6 and 1/2");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "one HardSwish");
                patch.replace(
                    m["y"],
                    patch.add_node({"HardSwish", {m["x"]}, {}, g.node(m.node("y")).name, {g.value(m["y"]).type}, {}})[0]);
                return patch;
              }};
}

}  // namespace inc::passes
