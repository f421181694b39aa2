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
                                 graph.value(from).type.to_string(), graph.value(to).name, graph.value(to).type.to_string(),
                                 why));
}

}  // namespace

/// Nodes and values as they were before they were first touched; a patch touches few of many.
class Graph::Undo {
 public:
  explicit Undo(const Graph& g) : nodes_(g.nodes_.size()), values_(g.values_.size()), outputs_(g.outputs_) {}

  std::size_t nodes() const noexcept { return nodes_; }
  std::size_t values() const noexcept { return values_; }
  const std::string& old_name(ValueId id) const { return old_values_.at(id.v)->name; }

  void keep(const Graph& g, NodeId id) {
    if (id.v < nodes_) old_nodes_.try_emplace(id.v, g.nodes_[id.v]);
  }
  void keep(const Graph& g, ValueId id) {
    if (id.v < values_) old_values_.try_emplace(id.v, g.values_[id.v]);
  }

  void restore(Graph& g) {
    const auto forget = [&g](std::size_t i) {
      if (g.values_[i]) g.by_name_.erase(g.values_[i]->name);
    };
    for (std::size_t i = values_; i < g.values_.size(); ++i) forget(i);
    for (const auto& [i, value] : old_values_) forget(i);
    g.nodes_.resize(nodes_);
    g.values_.resize(values_);
    for (auto& [i, node] : old_nodes_) g.nodes_[i] = std::move(node);
    for (auto& [i, value] : old_values_) {
      g.values_[i] = std::move(value);
      if (g.values_[i]) g.by_name_.emplace(g.values_[i]->name, g.values_[i]->id);
    }
    g.outputs_ = std::move(outputs_);
  }

 private:
  std::size_t nodes_, values_;
  std::map<std::size_t, std::optional<Node>> old_nodes_;
  std::map<std::size_t, std::optional<Value>> old_values_;
  std::vector<ValueId> outputs_;
};

/// Carries a patch out. All that is written goes through node() and value(), which keep what was there.
class Graph::Change {
 public:
  Change(Graph& graph, const Patch& patch, Undo& undo) : g_(graph), patch_(patch), undo_(undo) {}

  // New nodes keep their inputs when a value is replaced, so that x → f(x) can be said as replace(x, f(x)).
  void run() {
    add();
    maybe_dead_.insert(patch_.erased_.begin(), patch_.erased_.end());
    for (const auto& change : patch_.inputs_) {
      released(g_.node(change.user).inputs.at(change.index));
      change_input(change.user, change.index, change.value);
    }
    for (const auto& [from, to] : patch_.replacements_) {
      released(from);
      rewire(from, to);
    }
    for (const auto& cast : patch_.casts_) {
      const ValueId old = g_.node(cast.user).inputs.at(cast.index);
      released(old);
      check_shapes(g_, old, cast.value, patch_.why());
      change_input(cast.user, cast.index, ValueId{});
      change_input(cast.user, cast.index, cast.value);
    }
    for (const auto& [id, dtype] : patch_.converted_) {
      INC_CHECK(g_.producer(id) != nullptr, "only a node's result is converted");
      value(id).type.dtype = dtype;
    }
    clean_up();
    g_.check_acyclic();
  }

 private:
  Node& node(NodeId id) {
    INC_CHECK(g_.alive(id), "node exists");
    undo_.keep(g_, id);
    return *g_.nodes_[id.v];
  }
  Value& value(ValueId id) {
    INC_CHECK(g_.alive(id), "value exists");
    undo_.keep(g_, id);
    return *g_.values_[id.v];
  }

  void add() {
    INC_CHECK(patch_.first_value_ == g_.values_.size(), "a patch is applied to the graph it was made for");
    for (const auto& addition : patch_.additions_) {
      if (addition.node.op.empty()) {
        g_.add_constant(addition.constant_name, addition.constant);
        continue;
      }
      for (const ValueId input : addition.node.inputs)
        if (!input.none() && g_.alive(input)) undo_.keep(g_, input);
      INC_CHECK(g_.add_node(addition.node) == addition.outputs, "patch ids agree with graph ids");
    }
    for (const auto& [id, op, inputs] : patch_.reformed_) {
      Node& target = node(id);
      target.op = op;
      if (target.inputs.size() < inputs) target.inputs.resize(inputs);
    }
    for (const auto& [id, type] : patch_.retyped_) {
      Value& target = value(id);
      if (!compatible(target.type, type))
        throw ModelError(fmt::format("cannot give '{}' of type {} the type {} ({})", target.name, target.type.to_string(),
                                     type.to_string(), patch_.why()));
      target.type = type;
    }
  }

  void change_input(NodeId id, std::size_t index, ValueId wanted) {
    Node& user = node(id);
    const ValueId old = user.inputs.at(index);
    if (!old.none() && !wanted.none()) check_types(g_, old, wanted, patch_.why());
    if (!old.none()) {
      auto& users = value(old).consumers;
      users.erase(std::find(users.begin(), users.end(), id));
    }
    user.inputs[index] = wanted;
    if (!wanted.none()) value(wanted).consumers.push_back(id);
  }

  void rewire(ValueId from, ValueId to) {
    check_types(g_, from, to, patch_.why());
    const auto& consumers = g_.value(from).consumers;
    for (const NodeId user : std::set<NodeId>(consumers.begin(), consumers.end())) {
      if (user.v >= undo_.nodes()) continue;
      for (std::size_t i = 0; i < g_.node(user).inputs.size(); ++i)
        if (g_.node(user).inputs[i] == from) change_input(user, i, to);
    }
    std::replace(g_.outputs_.begin(), g_.outputs_.end(), from, to);
  }

  void released(ValueId old) {
    if (!old.none() && g_.value(old).producer) maybe_dead_.insert(*g_.value(old).producer);
  }

  bool unused(NodeId id) const {
    const auto& outputs = g_.node(id).outputs;
    return std::all_of(outputs.begin(), outputs.end(),
                       [&](ValueId v) { return g_.value(v).consumers.empty() && !g_.is_output(v); });
  }

  void erase_value(ValueId id) {
    g_.by_name_.erase(value(id).name);
    g_.values_[id.v].reset();
  }

  void erase_node(NodeId id) {
    std::vector<NodeId> pending{id};
    while (!pending.empty()) {
      const NodeId current = pending.back();
      pending.pop_back();
      if (!g_.alive(current)) continue;
      const Node dead = node(current);
      g_.nodes_[current.v].reset();
      for (const ValueId output : dead.outputs) erase_value(output);
      for (const ValueId input : dead.inputs) {
        if (input.none()) continue;
        Value& source = value(input);
        source.consumers.erase(std::find(source.consumers.begin(), source.consumers.end(), current));
        if (source.producer && unused(*source.producer)) pending.push_back(*source.producer);
      }
    }
  }

  void rename(ValueId id, const std::string& wanted) {
    if (!g_.alive(id)) return;
    Value& renamed = value(id);
    g_.by_name_.erase(renamed.name);
    renamed.name = g_.unique_name(wanted);
    g_.by_name_.emplace(renamed.name, id);
  }

  void clean_up() {
    for (const NodeId id : maybe_dead_)
      if (g_.alive(id) && unused(id)) erase_node(id);
    for (const NodeId id : patch_.erased_)
      if (g_.alive(id)) throw ModelError(fmt::format("node '{}' is still in use ({})", g_.node(id).name, patch_.why()));
    for (const auto& [from, to] : patch_.replacements_)
      if (to.v >= undo_.values() && !g_.alive(from)) rename(to, undo_.old_name(from));
    for (const auto& v : g_.values_)
      if (v && v->constant && v->consumers.empty() && !g_.is_output(v->id)) erase_value(ValueId{v->id});
  }

  Graph& g_;
  const Patch& patch_;
  Undo& undo_;
  std::set<NodeId> maybe_dead_;
};

void Graph::apply(const Patch& patch) {
  Undo undo(*this);
  try {
    Change(*this, patch, undo).run();
  } catch (...) {
    undo.restore(*this);
    throw;
  }
}

}  // namespace inc::ir
