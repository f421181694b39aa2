#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_gelu() {
  return {.name = "fuse_gelu",
          .pattern = R"(
            d = Div(x, 1.41421356)
            d = Mul(x, 0.70710678)
            e = Erf(d)
            a = Add(e, 1)
            h = Mul(x, 0.5)
            p = Mul(x, a)
            q = Mul(a, 0.5)
            y = Mul(h, a)
            y = Mul(p, 0.5)
            y = Mul(x, q)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            if (!same_shape(g.value(m["x"]).type, g.value(m["y"]).type))
              return Support::no("the result is not shaped like " + name_of(g, m["x"]));
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "one Gelu");
                patch.replace(
                    m["y"], patch.add_node({"Gelu", {m["x"]}, {}, g.node(m.node("y")).name, {g.value(m["y"]).type}, {}})[0]);
                return patch;
              }};
}

}  // namespace inc::passes
