#include "core/passes/normalization.h"

#include <fmt/format.h>

#include "core/passes/facts.h"
#include "core/passes/lower/since.h"

namespace inc::passes {
namespace {

std::int64_t last_dim(const ir::Graph& graph, ir::ValueId id) {
  const auto& dims = graph.value(id).type.dims;
  return dims && !dims->empty() ? dims->back().value : -1;
}

ir::ValueId add_one(ir::Patch& patch, std::string op, std::vector<ir::ValueId> inputs, const std::string& name,
                    ir::TensorType type) {
  return patch.add_node({std::move(op), std::move(inputs), {}, name, {std::move(type)}, {}})[0];
}

ir::TensorType reduced(const ir::TensorType& type) {
  ir::TensorType result = type;
  if (result.dims) result.dims->back() = {1, ""};
  return result;
}

}  // namespace

Support normalizes_last_axis(const ir::Graph& graph, const Match& match) {
  const ir::Value& x = graph.value(match["x"]);
  if (x.type.dtype != DType::Float) return Support::no("only float32 is fused");
  for (const char* mean : {"m", "v"})
    if (match.nodes.count(mean) && !reduces_last_axis(graph, graph.node(match.node(mean))))
      return Support::no(
          fmt::format("'{}' does not reduce exactly the last axis and keep it", graph.node(match.node(mean)).name));
  if (last_dim(graph, x.id) <= 0) return Support::no(fmt::format("the last dimension of '{}' is not known", x.name));
  const auto epsilon = scalar(graph, match["eps"]);
  if (!epsilon || !(*epsilon >= 0)) return Support::no(name_of(graph, match["eps"]) + " is not a constant epsilon");
  if (!same_shape(x.type, graph.value(match["y"]).type))
    return Support::no(fmt::format("the result is not shaped like '{}'", x.name));
  return Support::yes();
}

ir::Patch as_normalization(const ir::Graph& graph, const Match& match, std::string op) {
  const ir::Value& y = graph.value(match["y"]);
  ir::Patch patch(graph, "one " + op);
  const std::int64_t length = last_dim(graph, match["x"]);
  const std::string name = graph.node(match.node("y")).name;
  const std::vector<float> ones(static_cast<std::size_t>(length), 1.0f);
  const ir::ValueId scale = patch.add_constant(name + "_scale", ir::Tensor::of<float>({length}, ones));
  const ir::Attrs attrs = {{"axis", std::int64_t{-1}}, {"epsilon", *scalar(graph, match["eps"])}};
  patch.replace(y.id, patch.add_node({std::move(op), {match["x"], scale}, attrs, name, {y.type}, {}})[0]);
  return patch;
}

Support must_decompose(const ir::Graph& graph, const ir::Node& node, std::int64_t since_opset) {
  if (const Support s = too_new(graph, node.outputs[0], since_opset); !s) return s;
  const int rank = graph.value(node.inputs[0]).type.rank();
  const auto axis = node.attrs.integer("axis", -1);
  if (axis != -1 && axis != rank - 1) return Support::no(fmt::format("axis {} is not the last one", axis));
  return Support::yes();
}

ir::ValueId add_mean(const ir::Graph& graph, ir::Patch& patch, const ir::Node& node, ir::ValueId x,
                     const std::string& name) {
  ir::NodeSpec spec{
      "ReduceMean", {x}, {{"keepdims", std::int64_t{1}}}, name, {reduced(graph.value(node.outputs[0]).type)}, {}};
  if (graph.opset >= 18)
    spec.inputs.push_back(patch.add_constant(name + "_axes", ir::Tensor::of<std::int64_t>({1}, {-1})));
  else
    spec.attrs.set("axes", std::vector<std::int64_t>{-1});
  return patch.add_node(std::move(spec))[0];
}

ir::ValueId add_root_mean_square(const ir::Graph& graph, ir::Patch& patch, const ir::Node& node, ir::ValueId x) {
  const ir::TensorType full = graph.value(node.outputs[0]).type, one = reduced(full);
  const std::string& n = node.name;
  const ir::ValueId squares = add_one(patch, "Mul", {x, x}, n + "/squares", full);
  const ir::ValueId mean = add_mean(graph, patch, node, squares, n + "/mean_square");
  const ir::ValueId epsilon = patch.add_constant(n + "_epsilon", ir::Tensor::scalar(node.attrs.real("epsilon", 1e-5f)));
  const ir::ValueId sum = add_one(patch, "Add", {mean, epsilon}, n + "/variance", one);
  const ir::ValueId root = add_one(patch, "Sqrt", {sum}, n + "/deviation", one);
  const ir::ValueId unit = add_one(patch, "Div", {x, root}, n + "/normal", full);
  const bool biased = !node.input(2).none();
  ir::ValueId y = add_one(patch, "Mul", {unit, node.inputs[1]}, biased ? n + "/scaled" : n, full);
  if (biased) y = add_one(patch, "Add", {y, node.inputs[2]}, n, full);
  return y;
}

}  // namespace inc::passes
