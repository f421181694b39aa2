#include "core/ir/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <set>
#include <stack>

namespace inc::ir {

std::string Graph::unique_name(const std::string& wanted) const {
  const std::string stem = wanted.empty() ? "value" : wanted;
  std::string candidate = stem;
  for (int i = 1; by_name_.contains(candidate); ++i) candidate = fmt::format("{}_{}", stem, i);
  return candidate;
}

ValueId Graph::add_input(std::string wanted, TensorType type) {
  const ValueId id{static_cast<std::uint32_t>(values_.size())};
  wanted = unique_name(wanted);
  by_name_.emplace(wanted, id);
  values_.push_back(Value{id, std::move(wanted), std::move(type), std::nullopt, std::nullopt, {}});
  inputs_.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string wanted, Tensor tensor) {
  const ValueId id{static_cast<std::uint32_t>(values_.size())};
  wanted = unique_name(wanted);
  by_name_.emplace(wanted, id);
  TensorType type = tensor.type();
  values_.push_back(Value{id, std::move(wanted), std::move(type), std::move(tensor), std::nullopt, {}});
  return id;
}

std::vector<ValueId> Graph::add_node(NodeSpec spec) {
  for (const ValueId input : spec.inputs)
    if (!input.none() && !alive(input))
      throw ModelError(fmt::format("node '{}' ({}) uses a value that does not exist", spec.name, spec.op));
  const NodeId id{static_cast<std::uint32_t>(nodes_.size())};
  Node node{id, std::move(spec.name), std::move(spec.op), std::move(spec.inputs), {}, std::move(spec.attrs)};
  for (std::size_t i = 0; i < spec.output_types.size(); ++i) {
    const ValueId out{static_cast<std::uint32_t>(values_.size())};
    std::string wanted = i < spec.output_names.size() ? spec.output_names[i] : "";
    if (wanted.empty())
      wanted = fmt::format("{}_out{}", node.name.empty() ? node.op : node.name, i == 0 ? "" : std::to_string(i));
    wanted = unique_name(wanted);
    by_name_.emplace(wanted, out);
    values_.push_back(Value{out, std::move(wanted), std::move(spec.output_types[i]), std::nullopt, id, {}});
    node.outputs.push_back(out);
  }
  if (node.name.empty() && !node.outputs.empty()) node.name = value(node.outputs[0]).name;
  link(node);
  nodes_.push_back(std::move(node));
  return nodes_.back()->outputs;
}

void Graph::add_output(ValueId id) {
  outputs_.push_back(id);
  output_names_.push_back(value(id).name);
}

void Graph::link(const Node& node) {
  for (const ValueId input : node.inputs)
    if (!input.none()) values_[input.v]->consumers.push_back(node.id);
}

const Node& Graph::node(NodeId id) const {
  INC_CHECK(alive(id), "node exists");
  return *nodes_[id.v];
}
const Value& Graph::value(ValueId id) const {
  INC_CHECK(alive(id), "value exists");
  return *values_[id.v];
}
bool Graph::alive(NodeId id) const noexcept {
  return id.v < nodes_.size() && nodes_[id.v].has_value();
}
bool Graph::alive(ValueId id) const noexcept {
  return id.v < values_.size() && values_[id.v].has_value();
}

const Node* Graph::producer(ValueId id) const {
  const Value& v = value(id);
  return v.producer ? &node(*v.producer) : nullptr;
}
const Tensor* Graph::constant(ValueId id) const {
  if (id.none()) return nullptr;
  const Value& v = value(id);
  return v.constant ? &*v.constant : nullptr;
}
bool Graph::is_output(ValueId id) const noexcept {
  return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end();
}
std::optional<ValueId> Graph::find_value(std::string_view wanted) const {
  const auto it = by_name_.find(wanted);
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

std::vector<NodeId> Graph::nodes() const {
  std::vector<NodeId> ids;
  for (const auto& n : nodes_)
    if (n) ids.push_back(n->id);
  return ids;
}
std::vector<ValueId> Graph::values() const {
  std::vector<ValueId> ids;
  for (const auto& v : values_)
    if (v) ids.push_back(v->id);
  return ids;
}

namespace {

/// Nodes whose producers have all been taken, `ready` telling which of them is next, until none is left.
template <class Ready>
std::vector<NodeId> producers_first(const Graph& graph, std::size_t node_count) {
  std::vector<std::size_t> waiting(node_count);
  Ready ready;
  std::size_t alive = 0;
  for (std::uint32_t i = 0; i < node_count; ++i) {
    if (!graph.alive(NodeId{i})) continue;
    ++alive;
    for (const ValueId input : graph.node(NodeId{i}).inputs)
      if (!input.none() && graph.value(input).producer) ++waiting[i];
    if (waiting[i] == 0) ready.push(NodeId{i});
  }
  std::vector<NodeId> order;
  order.reserve(alive);
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const ValueId output : graph.node(order.back()).outputs)
      for (const NodeId user : graph.value(output).consumers)
        if (--waiting[user.v] == 0) ready.push(user);
  }
  if (order.size() != alive) throw ModelError("the graph has a cycle");
  return order;
}

}  // namespace

std::vector<NodeId> Graph::topological_order() const {
  return producers_first<std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>>>(*this, nodes_.size());
}

void Graph::check_acyclic() const {
  producers_first<std::stack<NodeId, std::vector<NodeId>>>(*this, nodes_.size());
}

void Graph::verify() const {
  std::set<std::string> names;
  for (const auto& v : values_) {
    if (!v) continue;
    if (!names.insert(v->name).second) throw InternalError(fmt::format("two values are named '{}'", v->name));
    if (v->producer && !alive(*v->producer)) throw InternalError(fmt::format("value '{}' has a dead producer", v->name));
    if (v->constant && v->producer) throw InternalError(fmt::format("constant '{}' has a producer", v->name));
    for (const NodeId user : v->consumers) {
      if (!alive(user)) throw InternalError(fmt::format("value '{}' has a dead consumer", v->name));
      const auto& inputs = node(user).inputs;
      const auto uses = std::count(inputs.begin(), inputs.end(), v->id);
      if (uses != std::count(v->consumers.begin(), v->consumers.end(), user))
        throw InternalError(fmt::format("value '{}' and node '{}' disagree about a use", v->name, node(user).name));
    }
  }
  for (const auto& n : nodes_) {
    if (!n) continue;
    for (const ValueId input : n->inputs) {
      if (input.none()) continue;
      if (!alive(input)) throw InternalError(fmt::format("node '{}' reads a dead value", n->name));
      const auto& users = value(input).consumers;
      if (std::find(users.begin(), users.end(), n->id) == users.end())
        throw InternalError(fmt::format("node '{}' is not among the consumers of '{}'", n->name, value(input).name));
    }
    for (const ValueId output : n->outputs)
      if (!alive(output) || value(output).producer != n->id)
        throw InternalError(fmt::format("node '{}' does not own its outputs", n->name));
  }
  for (const ValueId output : outputs_)
    if (!alive(output)) throw InternalError("a graph output is dead");
  topological_order();
}

}  // namespace inc::ir
