#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_normalization_bias() {
  return {.name = "fuse_normalization_bias",
          .pattern = R"(
            n = LayerNormalization(x, s)
            y = Add(n, b)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Tensor *bias = g.constant(m["b"]), *scale = g.constant(m["s"]);
            if (!bias) return Support::no("");
            if (!scale || scale->rank() != 1 || bias->rank() < 1 || bias->dtype() != scale->dtype() ||
                bias->count() != scale->count() || bias->shape().back() != bias->count() ||
                !same_shape(g.value(m["n"]).type, g.value(m["y"]).type))
              return Support::no(fmt::format("{} is not one value per element of the last axis", name_of(g, m["b"])));
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& norm = g.node(m.node("n"));
                ir::Patch patch(g, fmt::format("bias into '{}'", norm.name));
                ir::ValueId b = m["b"];
                if (g.constant(b)->rank() > 1)
                  b = patch.add_constant(g.value(b).name, g.constant(b)->reshaped({g.constant(b)->count()}));
                patch.replace(
                    m["y"],
                    patch.add_node({norm.op, {m["x"], m["s"], b}, norm.attrs, norm.name, {g.value(m["y"]).type}, {}})[0]);
                return patch;
              }};
}

}  // namespace inc::passes
