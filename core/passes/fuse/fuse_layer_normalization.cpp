#include "core/passes/normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_layer_normalization() {
  return {.name = "fuse_layer_normalization",
          .pattern = R"(
            m = ReduceMean(x, ...)
            d = Sub(x, m)
            q = Pow(d, 2)
            q = Mul(d, d)
            v = ReduceMean(q, ...)
            e = Add(v, eps)
            s = Sqrt(e)
            r = Reciprocal(s)
            r = Div(1, s)
            r = Pow(e, -0.5)
            y = Div(d, s)
            y = Mul(d, r)
          )",
          .where = normalizes_last_axis,
          .rewrite = [](const ir::Graph& g, const Match& m) { return as_normalization(g, m, "LayerNormalization"); }};
}

}  // namespace inc::passes
