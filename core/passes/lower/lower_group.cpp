#include <fmt/format.h>

#include "core/ops/ops.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

/// Adds one node after another, each fed by the one before.
class Chain {
 public:
  Chain(ir::Patch& patch, const ir::Node& group, ir::TensorType type)
      : patch_(patch), group_(group), type_(std::move(type)) {}

  ir::ValueId add(const std::string& op, std::vector<ir::ValueId> inputs, const std::string& suffix, ir::Attrs attrs = {}) {
    const std::string name = suffix.empty() ? group_.name : group_.name + "/" + suffix;
    return patch_.add_node({op, std::move(inputs), std::move(attrs), name, {type_}, {}})[0];
  }
  ir::ValueId constant(const std::string& suffix, float value) {
    return patch_.add_constant(group_.name + "_" + suffix, ir::Tensor::scalar(value));
  }

 private:
  ir::Patch& patch_;
  const ir::Node& group_;
  ir::TensorType type_;
};

ir::ValueId activated(Chain& chain, const ops::Epilogue& e, ir::ValueId x) {
  const std::string& a = e.activation;
  if (a == "none") return x;
  if (a == "relu") return chain.add("Relu", {x}, a);
  if (a == "clip") return chain.add("Clip", {x, chain.constant("low", e.alpha), chain.constant("high", e.beta)}, a);
  if (a == "sigmoid") return chain.add("Sigmoid", {x}, a);
  if (a == "tanh") return chain.add("Tanh", {x}, a);
  if (a == "gelu") return chain.add("Gelu", {x}, a);
  if (a == "gelu_tanh") return chain.add("Gelu", {x}, a, {{"approximate", std::string("tanh")}});
  if (a == "silu") return chain.add("Mul", {x, chain.add("Sigmoid", {x}, "sigmoid")}, a);
  if (a == "hardswish") return chain.add("HardSwish", {x}, a);
  if (a == "hardsigmoid") return chain.add("HardSigmoid", {x}, a, {{"alpha", e.alpha}, {"beta", e.beta}});
  if (a == "leaky_relu") return chain.add("LeakyRelu", {x}, a, {{"alpha", e.alpha}});
  throw InternalError(fmt::format("activation '{}' has no standard form", a));
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& group = g.node(m.node("y"));
  const ops::Epilogue e = ops::epilogue(group);
  ir::Patch patch(g, "standard operators");
  Chain chain(patch, group, g.value(m["y"]).type);
  ir::Attrs attrs = group.attrs;
  for (const char* own : {"activation", "activation_alpha", "activation_beta"}) attrs.erase(own);
  const std::string op = group.op.substr(std::string_view("inc.").size());
  std::vector<ir::ValueId> inputs = {group.inputs[0], group.inputs[1]};
  const ir::ValueId bias = group.input(2);
  if (op != "MatMul" && !bias.none()) inputs.push_back(bias);
  ir::ValueId y = chain.add(op, std::move(inputs), "", std::move(attrs));
  if (op == "MatMul" && !bias.none()) y = chain.add("Add", {y, bias}, "bias");
  if (!e.residual.none()) y = chain.add("Add", {y, e.residual}, "sum");
  patch.replace(m["y"], activated(chain, e, y));
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
