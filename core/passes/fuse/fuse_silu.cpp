#include <fmt/format.h>

#include "core/passes/anchor.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_silu() {
  return {.name = "fuse_silu",
          .pattern = R"(
            t = Conv|inc.Conv|MatMul|inc.MatMul|Gemm|inc.Gemm(x, w, ...)
            s = Sigmoid(t)
            y = Mul(t, s)
          )",
          .where = [](const ir::Graph& g, const Match& m) { return open_end(g, g.node(m.node("t")), false); },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& anchor = g.node(m.node("t"));
                ir::Patch patch(g, fmt::format("SiLU into '{}'", anchor.name));
                ir::NodeSpec spec = grouped(g, anchor, m["y"]);
                spec.attrs.set("activation", "silu");
                trim(spec.inputs);
                patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
                return patch;
              }};
}

}  // namespace inc::passes
