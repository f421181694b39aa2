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

bool same_computation(const ir::Graph& a, const ir::Graph& b) {
  const auto first = a.topological_order(), second = b.topological_order();
  if (first.size() != second.size() || a.inputs().size() != b.inputs().size()) return false;
  std::map<ir::ValueId, ir::ValueId> twin;
  for (std::size_t i = 0; i < a.inputs().size(); ++i) twin[a.inputs()[i]] = b.inputs()[i];
  const auto matches = [&](ir::ValueId x, ir::ValueId y) {
    const ir::Tensor *p = a.constant(x), *q = b.constant(y);
    if (p == nullptr || q == nullptr) return p == q && (x.none() ? y.none() : twin.contains(x) && twin.at(x) == y);
    return (p->raw() == q->raw() && p->type() == q->type()) || ir::identical(*p, *q);
  };
  const auto all_match = [&](const std::vector<ir::ValueId>& x, const std::vector<ir::ValueId>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), matches);
  };
  for (std::size_t i = 0; i < first.size(); ++i) {
    const ir::Node &x = a.node(first[i]), &y = b.node(second[i]);
    if (x.op != y.op || !(x.attrs == y.attrs) || x.outputs.size() != y.outputs.size() || !all_match(x.inputs, y.inputs))
      return false;
    for (std::size_t k = 0; k < x.outputs.size(); ++k) twin[x.outputs[k]] = y.outputs[k];
  }
  return all_match(a.outputs(), b.outputs());
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
