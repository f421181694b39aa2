#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// The levels of the moved data: those of the QuantizeLinear that one of the inputs comes from.
std::optional<Quantized> levels_of(const ir::Graph& g, const ir::Node& node) {
  for (const std::size_t i : moved_inputs(node)) {
    const auto q = quantized_by(g, node.inputs[i]);
    if (q && per_tensor(g, *q)) return q;
  }
  return std::nullopt;
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  const auto levels = levels_of(g, node);
  if (!levels) return Support::no("");
  for (const std::size_t i : moved_inputs(node)) {
    const auto q = quantized_by(g, node.inputs[i]);
    if (!g.constant(node.inputs[i]) && !(q && same_levels(g, *q, *levels)))
      return Support::no(fmt::format("{} has other levels than {}", name_of(g, node.inputs[i]), name_of(g, levels->data)));
  }
  if (node.outputs.size() != 1) return Support::no(fmt::format("'{}' has more than one output", node.name));
  if (node.op == "Pad" && node.attrs.text("mode", "constant") == "constant") {
    const float fill = node.input(2).none() ? 0.0f : scalar(g, node.input(2)).value_or(-1);
    if (fill != static_cast<float>(zero_points(g, *levels)[0]))
      return Support::no(fmt::format("'{}' pads with another value than the zero point", node.name));
  }
  if (node.op == "Resize") return moves_only(g, node);
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& node = g.node(m.node("y"));
  const Quantized levels = *levels_of(g, node);
  ir::Patch patch(g, "between DequantizeLinear and QuantizeLinear");
  std::vector<ir::ValueId> inputs = node.inputs;
  for (const std::size_t i : moved_inputs(node))
    inputs[i] =
        add_dequantize(g, patch, {inputs[i], levels.scale, levels.zero_point, 1}, fmt::format("{}/x{}", node.name, i));
  if (node.op == "Pad" && !node.input(2).none())
    inputs[2] = patch.add_constant(node.name + "_fill", ir::Tensor::scalar(0.0f));
  const ir::TensorType& type = g.value(m["y"]).type;
  const ir::TensorType real{DType::Float, type.dims};
  const ir::ValueId y = patch.add_node({node.op, std::move(inputs), node.attrs, node.name, {real}, {}})[0];
  std::vector<ir::ValueId> quantize = {y, levels.scale};
  if (!levels.zero_point.none()) quantize.push_back(levels.zero_point);
  patch.replace(
      m["y"], patch.add_node(
                  {"QuantizeLinear", std::move(quantize), g.producer(levels.data)->attrs, node.name + "/y", {type}, {}})[0]);
  return patch;
}

}  // namespace

Rule expand_movement() {
  return {.name = "expand_movement", .pattern = "y = " INC_MOVEMENTS "(x, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
