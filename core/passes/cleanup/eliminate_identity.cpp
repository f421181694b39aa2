#include <algorithm>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool no_op_shape(const ir::Graph& g, const ir::Node& node) {
  const ir::TensorType &x = g.value(node.inputs[0]).type, &y = g.value(node.outputs[0]).type;
  if (same_shape(x, y)) return true;
  const auto target = node.op == "Expand" || node.op == "Reshape" ? elements(g, node.inputs[1]) : std::nullopt;
  if (!target || !x.dims || target->size() != x.dims->size()) return false;
  for (std::size_t i = 0; i < target->size(); ++i) {
    const Element& e = (*target)[i];
    const ir::Dim& dim = (*x.dims)[i];
    const bool kept = node.op == "Expand" ? e.number == 1 : e.number == 0 && node.attrs.integer("allowzero", 0) == 0;
    if (!kept && (e.number ? *e.number != dim.value : e.symbol.empty() || e.symbol != dim.symbol)) return false;
  }
  return true;
}

bool all_zero(const ir::Graph& g, ir::ValueId id) {
  const auto values = integers(g, id);
  return values && std::all_of(values->begin(), values->end(), [](std::int64_t v) { return v == 0; });
}

bool keeps_order(const ir::Graph& g, const ir::Node& node) {
  const auto perm = node.attrs.integers("perm");
  if (perm.empty()) return g.value(node.inputs[0]).type.rank() == 1;
  return std::is_sorted(perm.begin(), perm.end());
}

bool forward_slice(const ir::Graph& g, const ir::Node& node) {
  if (!same_shape(g.value(node.inputs[0]).type, g.value(node.outputs[0]).type)) return false;
  if (node.input(4).none()) return true;
  const auto steps = integers(g, node.input(4));
  return steps && std::all_of(steps->begin(), steps->end(), [](std::int64_t v) { return v > 0; });
}

bool inference_dropout(const ir::Graph& g, const ir::Node& node) {
  if (node.input(2).none()) return true;
  const ir::Tensor* training = g.constant(node.input(2));
  return training && training->count() == 1 && training->to_int64s()[0] == 0;
}

bool returns_input(const ir::Graph& g, const ir::Node& node) {
  const ir::Value &x = g.value(node.inputs[0]), &y = g.value(node.outputs[0]);
  if (node.op == "Identity") return true;
  if (node.op == "Dropout") return inference_dropout(g, node);
  if (node.op == "Cast") return x.type.dtype == y.type.dtype;
  if (node.op == "Reshape" || node.op == "Flatten" || node.op == "Expand") return no_op_shape(g, node);
  if (node.op == "Transpose") return keeps_order(g, node);
  if (node.op == "Pad") return all_zero(g, node.input(1));
  if (node.op == "Slice") return forward_slice(g, node);
  return node.op == "Concat" && node.inputs.size() == 1;
}

bool expands_a_reshape(const ir::Graph& g, const ir::Node& node) {
  const ir::Node* before = g.producer(node.inputs[0]);
  return node.op == "Expand" && before && before->op == "Reshape" && before->inputs[1] == node.inputs[1];
}

}  // namespace

Rule eliminate_identity() {
  return {.name = "eliminate_identity",
          .pattern = "y = Identity|Dropout|Cast|Reshape|Flatten|Expand|Transpose|Pad|Slice|Concat(x, ...)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            const ir::Node& node = g.node(m.node("y"));
            if (!returns_input(g, node) && !expands_a_reshape(g, node)) return Support::no("");
            if (!replaceable(g, m["y"], m["x"]))
              return Support::no(name_of(g, m["y"]) + " is a graph output that cannot stand for " + name_of(g, m["x"]));
            return Support::yes();
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                ir::Patch patch(g, "returns its input");
                patch.replace(m["y"], m["x"]);
                return patch;
              }};
}

}  // namespace inc::passes
