#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

const ir::Tensor* vector_like(const ir::Graph& g, ir::ValueId id, const ir::Tensor& scale) {
  const ir::Tensor* tensor = g.constant(id);
  const bool fits = tensor && tensor->dtype() == DType::Float && tensor->rank() >= 1 && tensor->count() == scale.count() &&
                    tensor->shape().back() == scale.count();
  return fits ? tensor : nullptr;
}

}  // namespace

Rule fuse_normalization_scale() {
  return {.name = "fuse_normalization_scale",
          .pattern = R"(
            n = LayerNormalization|RMSNormalization(x, s)
            y = Mul(n, w)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Tensor* scale = g.constant(m["s"]);
            if (!g.constant(m["w"])) return Support::no("");
            if (!scale || scale->dtype() != DType::Float || scale->rank() != 1)
              return Support::no("the old scale is not a float32 constant vector");
            if (!vector_like(g, m["w"], *scale) || !same_shape(g.value(m["n"]).type, g.value(m["y"]).type))
              return Support::no(fmt::format("{} is not one value per element of the last axis", name_of(g, m["w"])));
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& norm = g.node(m.node("n"));
                const ir::Tensor &old = *g.constant(m["s"]), &factor = *g.constant(m["w"]);
                std::vector<float> scale;
                for (std::int64_t i = 0; i < old.count(); ++i)
                  scale.push_back(old.data<float>()[i] * factor.data<float>()[i]);
                ir::Patch patch(g, fmt::format("scale into '{}'", norm.name));
                const ir::ValueId s = patch.add_constant(g.value(m["w"]).name, ir::Tensor::of<float>({old.count()}, scale));
                patch.replace(m["y"],
                              patch.add_node({norm.op, {m["x"], s}, norm.attrs, norm.name, {g.value(m["y"]).type}, {}})[0]);
                return patch;
              }};
}

}  // namespace inc::passes
