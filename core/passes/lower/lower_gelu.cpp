#include "core/passes/lower/since.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& gelu = g.node(m.node("y"));
  const ir::TensorType type = g.value(m["y"]).type;
  ir::Patch patch(g, "standard operators");
  const auto add = [&](const char* op, std::vector<ir::ValueId> inputs, const char* suffix) {
    return patch.add_node({op, std::move(inputs), {}, gelu.name + suffix, {type}, {}})[0];
  };
  const auto number = [&](const char* suffix, float value) {
    return patch.add_constant(gelu.name + suffix, ir::Tensor::scalar(value));
  };
  const ir::ValueId x = m["x"];
  ir::ValueId curve;
  if (gelu.attrs.text("approximate", "none") == "tanh") {
    const ir::ValueId cube = add("Mul", {add("Mul", {x, x}, "/square"), x}, "/cube");
    const ir::ValueId bent = add("Add", {x, add("Mul", {cube, number("_bend", 0.044715f)}, "/bend")}, "/bent");
    curve = add("Tanh", {add("Mul", {bent, number("_slope", 0.7978845608f)}, "/slope")}, "/tanh");
  } else {
    curve = add("Erf", {add("Mul", {x, number("_slope", 0.70710678f)}, "/slope")}, "/erf");
  }
  const ir::ValueId raised = add("Add", {curve, number("_one", 1.0f)}, "/raised");
  patch.replace(m["y"], add("Mul", {add("Mul", {x, number("_half", 0.5f)}, "/half"), raised}, ""));
  return patch;
}

}  // namespace

Rule lower_gelu() {
  return {.name = "lower_gelu",
          .pattern = "y = Gelu(x)",
          .where = [](const ir::Graph& g, const Match& m) { return too_new(g, m["y"], kGeluOpset); },
          .rewrite = rewrite};
}

}  // namespace inc::passes
