#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fuse_relu_clip() {
  return {.name = "fuse_relu_clip",
          .pattern = R"(
            t = Relu(x)
            y = Clip(t, ...)
          )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Node& clip = g.node(m.node("y"));
            if (g.value(m["x"]).type.dtype != DType::Float) return Support::no("only float32 is fused");
            for (std::size_t i = 1; i < 3; ++i)
              if (!clip.input(i).none() && !scalar(g, clip.input(i)))
                return Support::no("the bounds of the Clip are not constant");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Node& clip = g.node(m.node("y"));
                ir::Patch patch(g, "Relu into Clip");
                ir::NodeSpec spec{"Clip", clip.inputs, clip.attrs, clip.name, {g.value(m["y"]).type}, {}};
                spec.inputs.resize(std::max<std::size_t>(spec.inputs.size(), 2));
                spec.inputs[0] = m["x"];
                if (clip.input(1).none() || *scalar(g, clip.input(1)) < 0)
                  spec.inputs[1] = patch.add_constant(clip.name + "_low", ir::Tensor::scalar(0.0f));
                patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
                return patch;
              }};
}

}  // namespace inc::passes
