#include "tests/support/run.h"

#include "core/ops/ops.h"

namespace inc::testing {

std::map<ir::ValueId, ir::Tensor> run_all(const ir::Graph& graph, std::span<const ir::Tensor> inputs) {
  INC_CHECK(inputs.size() == graph.inputs().size(), "one tensor per graph input");
  std::map<ir::ValueId, ir::Tensor> values;
  for (const ir::ValueId id : graph.values())
    if (const ir::Tensor* constant = graph.constant(id)) values[id] = *constant;
  for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    std::vector<ir::Tensor> arguments;
    for (const ir::ValueId input : node.inputs) arguments.push_back(input.none() ? ir::Tensor{} : values.at(input));
    auto results = ops::evaluate(node, arguments, graph.opset);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i]] = std::move(results.at(i));
  }
  return values;
}

std::vector<ir::Tensor> run(const ir::Graph& graph, std::span<const ir::Tensor> inputs) {
  const auto values = run_all(graph, inputs);
  std::vector<ir::Tensor> outputs;
  for (const ir::ValueId id : graph.outputs()) outputs.push_back(values.at(id));
  return outputs;
}

}  // namespace inc::testing
