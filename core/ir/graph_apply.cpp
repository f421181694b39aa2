#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/ir/graph.h"
#include "core/ir/patch.h"

namespace inc::ir {
namespace {

void check_types(const Graph& graph, ValueId from, ValueId to, const std::string& why) {
  const Value &a = graph.value(from), &b = graph.value(to);
  if (!compatible(a.type, b.type))
    throw ModelError(fmt::format("cannot replace '{}' of type {} by '{}' of type {} ({})", a.name, a.type.to_string(),
                                 b.name, b.type.to_string(), why));
}

void check_shapes(const Graph& graph, ValueId from, ValueId to, const std::string& why) {
  TensorType wanted = graph.value(from).type;
  wanted.dtype = graph.value(to).type.dtype;
  if (!compatible(wanted, graph.value(to).type))
    throw ModelError(fmt::format("cannot replace '{}' of type {} by '{}' of type {} ({})", graph.value(from).name,
                                 graph.value(from).type.to_string(), graph.value(to).name,
                                 graph.value(to).type.to_string(), why));
}

}  // namespace

void Graph::add(const Patch& patch) {
  INC_CHECK(patch.first_value_ == values_.size(), "a patch is applied to the graph it was made for");
  for (const auto& addition : patch.additions_) {
    if (addition.node.op.empty())
      add_constant(addition.constant_name, addition.constant);
    else
      INC_CHECK(add_node(addition.node) == addition.outputs, "patch ids agree with graph ids");
  }
  for (const auto& [id, op, inputs] : patch.reformed_) {
    Node& target = *nodes_.at(id.v);
    target.op = op;
    if (target.inputs.size() < inputs) target.inputs.resize(inputs);
  }
  for (const auto& [id, type] : patch.retyped_) {
    Value& target = *values_.at(id.v);
    if (!compatible(target.type, type))
      throw ModelError(fmt::format("cannot give '{}' of type {} the type {} ({})", target.name, target.type.to_string(),
                                   type.to_string(), patch.why()));
    target.type = type;
  }
}

void Graph::change_input(NodeId id, std::size_t index, ValueId wanted, const std::string& why) {
  Node& user = *nodes_[id.v];
  const ValueId old = user.inputs.at(index);
  if (!old.none() && !wanted.none()) check_types(*this, old, wanted, why);
  if (!old.none()) {
    auto& users = values_[old.v]->consumers;
    users.erase(std::find(users.begin(), users.end(), id));
  }
  user.inputs[index] = wanted;
  if (!wanted.none()) values_[wanted.v]->consumers.push_back(id);
}

void Graph::rewire(ValueId from, ValueId to, std::size_t first_new_node, const std::string& why) {
  check_types(*this, from, to, why);
  std::set<NodeId> users(values_[from.v]->consumers.begin(), values_[from.v]->consumers.end());
  for (const NodeId user : users) {
    if (user.v >= first_new_node) continue;
    for (std::size_t i = 0; i < nodes_[user.v]->inputs.size(); ++i)
      if (nodes_[user.v]->inputs[i] == from) change_input(user, i, to, why);
  }
  std::replace(outputs_.begin(), outputs_.end(), from, to);
}

bool Graph::unused(NodeId id) const {
  const auto& outputs = node(id).outputs;
  return std::all_of(outputs.begin(), outputs.end(), [&](ValueId v) { return value(v).consumers.empty() && !is_output(v); });
}

// New nodes keep their inputs when a value is replaced, so that x → f(x) can be said as replace(x, f(x)).
void Graph::apply(const Patch& patch) {
  Graph next = *this;
  next.add(patch);
  std::set<NodeId> maybe_dead(patch.erased_.begin(), patch.erased_.end());
  const auto released = [&](ValueId old) {
    if (!old.none() && next.value(old).producer) maybe_dead.insert(*next.value(old).producer);
  };
  for (const auto& change : patch.inputs_) {
    released(next.node(change.user).inputs.at(change.index));
    next.change_input(change.user, change.index, change.value, patch.why());
  }
  for (const auto& [from, to] : patch.replacements_) {
    released(from);
    next.rewire(from, to, nodes_.size(), patch.why());
  }
  for (const auto& cast : patch.casts_) {
    const ValueId old = next.node(cast.user).inputs.at(cast.index);
    released(old);
    check_shapes(next, old, cast.value, patch.why());
    next.change_input(cast.user, cast.index, ValueId{}, patch.why());
    next.change_input(cast.user, cast.index, cast.value, patch.why());
  }
  for (const auto& [id, dtype] : patch.converted_) {
    INC_CHECK(next.producer(id) != nullptr, "only a node's result is converted");
    next.values_[id.v]->type.dtype = dtype;
  }
  for (const NodeId id : maybe_dead)
    if (next.alive(id) && next.unused(id)) next.erase_node(id);
  for (const NodeId id : patch.erased_)
    if (next.alive(id)) throw ModelError(fmt::format("node '{}' is still in use ({})", next.node(id).name, patch.why()));
  for (const auto& [from, to] : patch.replacements_)
    if (to.v >= values_.size() && !next.alive(from)) next.rename(to, value(from).name);
  next.drop_unused_constants();
  next.topological_order();
  *this = std::move(next);
}

}  // namespace inc::ir
