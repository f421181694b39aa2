#include "core/passes/normalization.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_rms_normalization() {
  return {.name = "fuse_rms_normalization",
          .pattern = R"(
            q = Pow(x, 2)
            q = Mul(x, x)
            v = ReduceMean(q, ...)
            e = Add(v, eps)
            s = Sqrt(e)
            r = Reciprocal(s)
            r = Div(1, s)
            r = Pow(e, -0.5)
            y = Div(x, s)
            y = Mul(x, r)
          )",
          .where = normalizes_last_axis,
          .rewrite = [](const ir::Graph& g, const Match& m) { return as_normalization(g, m, "RMSNormalization"); }};
}

}  // namespace inc::passes
