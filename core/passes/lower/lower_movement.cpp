#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("t"));
  const auto y = quantized_by(g, m["y"]);
  for (const std::size_t i : moved_inputs(node)) {
    const auto x = dequantized_from(g, node.inputs[i]);
    if (!x || !y) return Support::no("");
    if (!same_levels(g, *x, *y))
      return Support::no(fmt::format("{} and {} have other levels", name_of(g, x->data), name_of(g, y->data)));
  }
  return moves_only(g, node);
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("t"));
  ir::Patch patch(g, "on 8-bit data");
  std::vector<ir::ValueId> inputs = node.inputs;
  const Quantized first = *dequantized_from(g, node.inputs[0]);
  for (const std::size_t i : moved_inputs(node)) inputs[i] = dequantized_from(g, node.inputs[i])->data;
  if (node.op == "Pad" && node.attrs.text("mode", "constant") == "constant") {
    inputs.resize(std::max<std::size_t>(inputs.size(), 3));
    const DType dtype = g.value(first.data).type.dtype;
    const ir::Tensor* zero = g.constant(first.zero_point);
    inputs[2] = patch.add_constant(node.name + "_fill", zero ? zero->reshaped({}) : zero_of(dtype));
  }
  patch.replace(m["y"], patch.add_node({node.op, std::move(inputs), node.attrs, node.name, {g.value(m["y"]).type}, {}})[0]);
  return patch;
}

}  // namespace

Rule lower_movement() {
  return {.name = "lower_movement",
          .pattern = "t = " INC_MOVEMENTS R"((x, ...)
            y = QuantizeLinear(t, s, ...)
          )",
          .where = where,
          .rewrite = rewrite};
}

}  // namespace inc::passes
