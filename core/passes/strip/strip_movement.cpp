#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

bool moves_constant(const ir::Graph& g, const ir::Node& node) {
  static constexpr std::string_view kMovements = "|" INC_MOVEMENTS "|";
  return node.op != "Concat" && kMovements.find("|" + node.op + "|") != std::string_view::npos && g.constant(node.input(0));
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node* moving = g.producer(m["t"]);
  if (!moving || !moves_constant(g, *moving)) return Support::no("");
  const ir::Node& node = *moving;
  const auto levels = dequantized_from(g, m["y"]);
  if (!levels || !per_tensor(g, *levels))
    return Support::no(fmt::format("{} has no constant scale per tensor", name_of(g, m["y"])));
  if (node.op == "Pad") return Support::no(fmt::format("'{}' pads 8-bit data", node.name));
  return moves_only(g, node);
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = *g.producer(m["t"]);
  Quantized levels = *dequantized_from(g, m["y"]);
  levels.data = node.inputs[0];
  ir::Patch patch(g, "of dequantized constants");
  std::vector<ir::ValueId> inputs = node.inputs;
  inputs[0] = add_dequantize(g, patch, levels, node.name + "/x");
  patch.replace(m["y"], patch.add_node({node.op, std::move(inputs), node.attrs, node.name, {g.value(m["y"]).type}, {}})[0]);
  return patch;
}

}  // namespace

Rule strip_movement() {
  return {.name = "strip_movement", .pattern = "y = DequantizeLinear(t, s, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
