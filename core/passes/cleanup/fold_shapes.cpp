#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool all_numbers(const std::vector<Element>& list) {
  return std::all_of(list.begin(), list.end(), [](const Element& e) { return e.number.has_value(); });
}

}  // namespace

Rule fold_shapes() {
  return {.name = "fold_shapes",
          .pattern = "y = Shape|Gather|Slice|Concat|Unsqueeze|Squeeze|Reshape|Cast(x, ...)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const auto known = elements(g, m["y"]);
            const auto shape = g.value(m["y"]).type.concrete();
            if (!known || !all_numbers(*known) || g.is_output(m["y"]) || !shape) return Support::no("");
            if (ir::element_count(*shape) != static_cast<std::int64_t>(known->size())) return Support::no("");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                const ir::Value& y = g.value(m["y"]);
                ir::Tensor tensor(y.type.dtype, *y.type.concrete());
                const auto known = *elements(g, m["y"]);
                visit_dtype(y.type.dtype, [&](auto tag) {
                  auto* out = tensor.mutable_data<decltype(tag)>();
                  if constexpr (std::is_integral_v<decltype(tag)>)
                    for (const Element& e : known) *out++ = static_cast<decltype(tag)>(*e.number);
                });
                ir::Patch patch(g, "known from the shapes");
                patch.replace(y.id, patch.add_constant(y.name, std::move(tensor)));
                return patch;
              }};
}

}  // namespace inc::passes
