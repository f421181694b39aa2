#include "app/compare_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::app {
namespace {

/// Operators in a row that only one of the models has.
constexpr int kMostSteps = 4;

using ir::NodeId;
using ir::ValueId;

std::string described(const ir::Node& node) {
  return fmt::format("'{}' ({})", node.name, ops::reported_type(node));
}

class Matcher {
 public:
  Matcher(const ir::Graph& a, const ir::Graph& b) : a_(a), b_(b) {}

  Match run() {
    ends("inputs", a_.inputs(), b_.inputs(), names(a_, a_.inputs()), names(b_, b_.inputs()));
    ends("outputs", a_.outputs(), b_.outputs(), a_.output_names(), b_.output_names());
    drain();
    while (forward()) drain();
    return std::move(match_);
  }

 private:
  static std::vector<std::string> names(const ir::Graph& graph, const std::vector<ValueId>& ids) {
    std::vector<std::string> out;
    for (const ValueId id : ids) out.push_back(graph.value(id).name);
    return out;
  }

  /// By name where all names agree, otherwise in order.
  void ends(const char* what, const std::vector<ValueId>& x, const std::vector<ValueId>& y,
            const std::vector<std::string>& x_names, const std::vector<std::string>& y_names) {
    if (x.size() != y.size())
      throw ModelError(fmt::format("the models have {} and {} {}, expected as many", x.size(), y.size(), what));
    std::set<std::string> known(y_names.begin(), y_names.end());
    const bool by_name = known == std::set<std::string>(x_names.begin(), x_names.end());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t k =
          by_name ? static_cast<std::size_t>(std::find(y_names.begin(), y_names.end(), x_names[i]) - y_names.begin()) : i;
      if (!ir::compatible(a_.value(x[i]).type, b_.value(y[k]).type))
        throw ModelError(fmt::format("{} '{}': {} and {} found, expected one type", what, x_names[i],
                                     a_.value(x[i]).type.to_string(), b_.value(y[k]).type.to_string()));
      pair(x[i], y[k]);
    }
  }

  bool pair(ValueId x, ValueId y) {
    if (x.none() || y.none() || a_.constant(x) || b_.constant(y)) return false;
    if (match_.twin.contains(x) || taken_.contains(y)) return false;
    if (!ir::compatible(a_.value(x).type, b_.value(y).type)) return false;
    match_.twin[x] = y;
    taken_.insert(y);
    pending_.push_back({x, y});
    return true;
  }

  void drain() {
    while (!pending_.empty()) {
      const auto [x, y] = pending_.back();
      pending_.pop_back();
      if (match_.twin.contains(x) && match_.twin.at(x) == y) backward(x, y);
    }
  }

  /// Anchors may differ in what is fused into them; anything else reads as many variables.
  bool alike(const ir::Node* p, const ir::Node* q) const { return alike(p, q, b_); }
  bool alike(const ir::Node* p, const ir::Node* q, const ir::Graph& graph_of_q) const {
    if (p == nullptr || q == nullptr || kind_of(*p) != kind_of(*q) || p->outputs.size() != q->outputs.size()) return false;
    return ops::info(p->op).weight_input >= 0 || variables(a_, *p) == variables(graph_of_q, *q);
  }

  static std::ptrdiff_t variables(const ir::Graph& graph, const ir::Node& node) {
    return std::count_if(node.inputs.begin(), node.inputs.end(),
                         [&](ValueId input) { return !input.none() && graph.constant(input) == nullptr; });
  }

  void backward(ValueId x, ValueId y) {
    const ir::Node *p = a_.producer(x), *q = b_.producer(y);
    if (p == nullptr && q == nullptr) return;
    if (alike(p, q)) return pair_nodes(*p, *q);
    if (const auto inner = stepped_over(b_, q, [&](ValueId y0) { return alike(p, b_.producer(y0)) && free(y0); }))
      return again(x, y, x, *inner);
    if (const auto inner =
            stepped_over(a_, p, [&](ValueId x0) { return alike(a_.producer(x0), q) && !match_.twin.contains(x0); })) {
      match_.why_not[p->id] = fmt::format("B goes without it: its '{}' is made by {}", b_.value(y).name, described(*q));
      return again(x, y, *inner, y);
    }
    if (p != nullptr)
      match_.why_not[p->id] = q == nullptr ? fmt::format("B reads '{}' instead", b_.value(y).name)
                                           : fmt::format("in its place B has {}", described(*q));
  }

  /// The first value on the way back from `node`, along operators that read one variable, that is as wanted.
  template <class Wanted>
  static std::optional<ValueId> stepped_over(const ir::Graph& graph, const ir::Node* node, Wanted wanted) {
    for (int step = 0; step < kMostSteps; ++step) {
      const auto inner = before(graph, node);
      if (!inner || wanted(*inner)) return inner;
      node = graph.producer(*inner);
    }
    return {};
  }

  void again(ValueId x, ValueId y, ValueId new_x, ValueId new_y) {
    match_.twin.erase(x);
    taken_.erase(y);
    pair(new_x, new_y);
  }

  bool free(ValueId y) const { return !taken_.contains(y); }

  /// The one variable that the node reads.
  static std::optional<ValueId> before(const ir::Graph& graph, const ir::Node* node) {
    if (node == nullptr || node->outputs.size() != 1) return {};
    std::optional<ValueId> one;
    for (const ValueId input : node->inputs) {
      if (input.none() || graph.constant(input)) continue;
      if (one && *one != input) return {};
      one = input;
    }
    return one;
  }

  void pair_nodes(const ir::Node& p, const ir::Node& q) {
    for (std::size_t i = 0; i < p.outputs.size(); ++i) pair(p.outputs[i], q.outputs[i]);
    const auto& info = ops::info(p.op);
    const bool swap = info.commutative && p.inputs.size() == 2 && q.inputs.size() == 2 && swapped(p, q);
    for (std::size_t i = 0; i < std::min(p.inputs.size(), q.inputs.size()); ++i)
      pair(p.inputs[i], q.inputs[swap ? 1 - i : i]);
  }

  /// Of one shape, where both have constant ones.
  bool same_weights(const ir::Node& m, const ir::Node& n) const {
    const auto weight = [](const ir::Graph& graph, const ir::Node& node) {
      const int slot = ops::info(node.op).weight_input;
      return slot < 0 ? nullptr : graph.constant(node.input(static_cast<std::size_t>(slot)));
    };
    const ir::Tensor *x = weight(a_, m), *y = weight(b_, n);
    return x == nullptr || y == nullptr || m.op != n.op || x->shape() == y->shape();
  }

  bool swapped(const ir::Node& p, const ir::Node& q) const {
    const auto same = [&](std::size_t i, std::size_t k) {
      const ValueId x = p.inputs[i], y = q.inputs[k];
      if ((a_.constant(x) != nullptr) != (b_.constant(y) != nullptr)) return false;
      if (const auto it = match_.twin.find(x); it != match_.twin.end()) return it->second == y;
      if (taken_.contains(y)) return false;
      const ir::Node *m = a_.producer(x), *n = b_.producer(y);
      return (m == nullptr) == (n == nullptr) && (m == nullptr || (kind_of(*m) == kind_of(*n) && same_weights(*m, *n)));
    };
    const auto named = [&](std::size_t i, std::size_t k) {
      return a_.value(p.inputs[i]).name == b_.value(q.inputs[k]).name;
    };
    if (!same(0, 1) || !same(1, 0)) return false;
    return !(same(0, 0) && same(1, 1)) || (named(0, 1) && named(1, 0));
  }

  /// A step from values that are known to what reads them.
  bool forward() {
    bool any = false;
    for (const auto& [x, y] : std::map(match_.twin))
      for (const NodeId user : a_.value(x).consumers) {
        const ir::Node& p = a_.node(user);
        if (p.outputs.empty() || match_.twin.contains(p.outputs[0])) continue;
        if (const ir::Node* q = only_reader(p, x, y); q != nullptr && pair(p.outputs[0], q->outputs[0])) {
          pair_nodes(p, *q);
          any = true;
        }
      }
    return any;
  }

  const ir::Node* only_reader(const ir::Node& p, ValueId x, ValueId y) const {
    std::vector<const ir::Node*> found;
    for (const NodeId user : b_.value(y).consumers) {
      const ir::Node& q = b_.node(user);
      if (alike(&p, &q) && free(q.outputs[0]) && std::find(found.begin(), found.end(), &q) == found.end())
        found.push_back(&q);
    }
    const auto rivals = [&] {
      std::set<NodeId> out;
      for (const NodeId user : a_.value(x).consumers)
        if (alike(&p, &a_.node(user), a_) && !match_.twin.contains(a_.node(user).outputs[0])) out.insert(user);
      return out.size();
    };
    if (found.size() == 1 && rivals() == 1) return found.front();
    const auto named = std::find_if(found.begin(), found.end(), [&](const ir::Node* q) {
      return b_.value(q->outputs[0]).name == a_.value(p.outputs[0]).name;
    });
    return named == found.end() ? nullptr : *named;
  }

  const ir::Graph &a_, &b_;
  Match match_;
  std::set<ValueId> taken_;
  std::vector<std::pair<ValueId, ValueId>> pending_;
};

}  // namespace

std::string_view kind_of(const ir::Node& node) {
  std::string_view op = node.op;
  if (op.starts_with("inc.")) op.remove_prefix(4);
  return op == "Gemm" ? "MatMul" : op == "Relu" ? "Clip" : op;
}

Match match(const ir::Graph& a, const ir::Graph& b) {
  return Matcher(a, b).run();
}

}  // namespace inc::app
