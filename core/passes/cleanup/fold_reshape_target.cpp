#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {

Rule fold_reshape_target() {
  return {.name = "fold_reshape_target",
          .pattern = "y = Reshape(x, s)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const auto target = elements(g, m["s"]);
            if (g.constant(m["s"]) || !target) return Support::no("");
            const auto open = std::count_if(target->begin(), target->end(), [](const Element& e) { return !e.number; });
            const bool plain =
                std::all_of(target->begin(), target->end(), [](const Element& e) { return !e.number || *e.number > 0; });
            if (open != 1)
              return Support::no(std::to_string(open) + " dimensions of the target are known only when it runs");
            if (!plain) return Support::no("the target mixes a computed dimension with 0 or -1");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                std::vector<std::int64_t> target;
                const auto known = *elements(g, m["s"]);
                for (const Element& e : known) target.push_back(e.number.value_or(-1));
                ir::Patch patch(g, "the computed dimension becomes -1");
                const auto shape = ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(target.size())}, target);
                patch.replace_input(m.node("y"), 1, patch.add_constant(g.value(m["y"]).name + "_shape", shape));
                return patch;
              }};
}

}  // namespace inc::passes
