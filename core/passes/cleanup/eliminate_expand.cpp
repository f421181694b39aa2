#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool broadcasts_away(const ir::TensorType& other, const std::vector<Element>& target) {
  if (!other.dims || other.dims->size() < target.size()) return false;
  const std::size_t lead = other.dims->size() - target.size();
  for (std::size_t i = 0; i < target.size(); ++i) {
    const ir::Dim& dim = (*other.dims)[lead + i];
    const Element& e = target[i];
    if (e.number ? *e.number != 1 && *e.number != dim.value : e.symbol.empty() || dim.known() || e.symbol != dim.symbol)
      return false;
  }
  return true;
}

}  // namespace

Rule eliminate_expand() {
  return {.name = "eliminate_expand",
          .pattern = R"(
        e = Expand(x, s)
        y = Add|Mul|Equal(e, b)
        y = Sub|Div(e, b)
        y = Sub|Div(b, e)
      )",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const auto target = elements(g, m["s"]);
            if (!target) return Support::no("");
            if (!broadcasts_away(g.value(m["b"]).type, *target))
              return Support::no("the other operand " + name_of(g, m["b"]) + " does not provably have the expanded shape");
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "the consumer broadcasts");
                const ir::Node& user = g.node(m.node("y"));
                ir::NodeSpec spec{user.op, user.inputs, user.attrs, user.name, {g.value(m["y"]).type}, {}};
                std::replace(spec.inputs.begin(), spec.inputs.end(), m["e"], m["x"]);
                patch.replace(m["y"], patch.add_node(std::move(spec))[0]);
                return patch;
              }};
}

}  // namespace inc::passes
