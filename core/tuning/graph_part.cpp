#include "core/tuning/graph_part.h"

#include <algorithm>

namespace inc::tuning {

PartOfGraph part_of(const ir::Graph& whole, const std::set<ir::NodeId>& nodes, const std::vector<ir::ValueId>& outputs) {
  PartOfGraph part;
  part.graph.name = whole.name;
  part.graph.opset = whole.opset;
  part.outputs = outputs;
  std::map<ir::ValueId, ir::ValueId> constants;
  const auto read = [&](ir::ValueId id) {
    if (id.none()) return id;
    if (const auto known = part.values.find(id); known != part.values.end()) return known->second;
    if (const ir::Tensor* constant = whole.constant(id)) {
      const auto [it, fresh] = constants.try_emplace(id);
      if (fresh) it->second = part.graph.add_constant(whole.value(id).name, *constant);
      return it->second;
    }
    part.inputs.push_back(id);
    return part.values[id] = part.graph.add_input(whole.value(id).name, whole.value(id).type);
  };
  const bool alone = nodes.size() == 1;
  for (const ir::NodeId id : alone ? std::vector(nodes.begin(), nodes.end()) : whole.topological_order()) {
    if (!nodes.contains(id)) continue;
    const ir::Node& node = whole.node(id);
    ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {}, {}};
    std::transform(node.inputs.begin(), node.inputs.end(), std::back_inserter(spec.inputs), read);
    for (const ir::ValueId output : node.outputs) {
      spec.output_types.push_back(whole.value(output).type);
      spec.output_names.push_back(whole.value(output).name);
    }
    const auto made = part.graph.add_node(std::move(spec));
    part.nodes[id] = *part.graph.value(made.front()).producer;
    for (std::size_t i = 0; i < made.size(); ++i) part.values[node.outputs[i]] = made[i];
  }
  for (const ir::ValueId output : outputs) part.graph.add_output(read(output));
  return part;
}

std::set<ir::NodeId> nodes_behind(const ir::Graph& graph, const std::set<ir::ValueId>& values) {
  std::set<ir::NodeId> behind;
  std::vector<ir::ValueId> pending(values.begin(), values.end());
  while (!pending.empty()) {
    const ir::ValueId id = pending.back();
    pending.pop_back();
    if (id.none()) continue;
    for (const ir::NodeId user : graph.value(id).consumers)
      if (behind.insert(user).second)
        pending.insert(pending.end(), graph.node(user).outputs.begin(), graph.node(user).outputs.end());
  }
  return behind;
}

}  // namespace inc::tuning
