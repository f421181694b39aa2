#include "core/ops/ops.h"
#include "core/passes/activation.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& group = g.node(m.node("y"));
  const ops::Epilogue e = ops::epilogue(group);
  const ir::TensorType& type = g.value(m["y"]).type;
  ir::Patch patch(g, "standard operators");
  const auto add = [&](const std::string& name, const std::string& op, std::vector<ir::ValueId> inputs,
                       ir::Attrs attrs = {}) {
    return patch.add_node({op, std::move(inputs), std::move(attrs), name, {type}, {}})[0];
  };
  ir::Attrs attrs = group.attrs;
  for (const char* own : {"activation", "activation_alpha", "activation_beta"}) attrs.erase(own);
  const std::string op = group.op.substr(std::string_view("inc.").size());
  std::vector<ir::ValueId> inputs = {group.inputs[0], group.inputs[1]};
  const ir::ValueId bias = group.input(2);
  if (op != "MatMul" && !bias.none()) inputs.push_back(bias);
  ir::ValueId y = add(group.name, op, std::move(inputs), std::move(attrs));
  if (op == "MatMul" && !bias.none()) y = add(group.name + "/bias", "Add", {y, bias});
  if (!e.residual.none()) y = add(group.name + "/sum", "Add", {y, e.residual});
  patch.replace(m["y"], add_activation(patch, e, y, group.name, type));
  return patch;
}

}  // namespace

Rule lower_group() {
  return {.name = "lower_group",
          .pattern = "y = inc.Conv|inc.MatMul|inc.Gemm(x, w, ...)",
          .where = [](const ir::Graph&, const Match&) { return Support::yes(); },
          .rewrite = rewrite};
}

}  // namespace inc::passes
