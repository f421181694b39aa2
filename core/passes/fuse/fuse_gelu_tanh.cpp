#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_gelu_tanh() {
  return {
      .name = "fuse_gelu_tanh",
      .pattern = R"(
            s = Mul(x, x)
            c = Pow(x, 3)
            c = Mul(s, x)
            l = Mul(x, 0.044715)
            r = Mul(x, l)
            k = Mul(c, 0.044715)
            k = Mul(x, r)
            i = Add(x, k)
            j = Mul(i, 0.7978845608)
            t = Tanh(j)
            a = Add(t, 1)
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
            ir::Patch patch(g, "one Gelu in its tanh form");
            ir::NodeSpec spec{
                "Gelu", {m["x"]}, {{"approximate", std::string("tanh")}}, g.node(m.node("y")).name, {g.value(m["y"]).type},
                {}};
            patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
            return patch;
          }};
}

}  // namespace inc::passes
