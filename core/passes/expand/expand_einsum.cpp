#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "core/passes/facts.h"
#include "core/passes/rules.h"

// Several operands: two at a time, from the left, but first those that share a label; labels that others or the result have
// are kept meanwhile. Two operands: labels of one operand alone that the result has not are summed; what is left is Mul
// where nothing is contracted, and otherwise a product of [batch, M, K] and [batch, K, N], where M, K and N are each any
// number of labels. Without a batch the labels of M stay apart; all other groups of several labels are merged by Reshape.

namespace inc::passes {
namespace {

using Dims = std::vector<ir::Dim>;

struct Equation {
  std::vector<std::string> terms;
  std::string result;
};

/// nullopt for what is not expanded: "...", a letter twice in a term.
std::optional<Equation> parse(std::string text, std::size_t operands) {
  std::erase(text, ' ');
  const auto arrow = text.find("->");
  Equation e{{""}, arrow == std::string::npos ? "" : text.substr(arrow + 2)};
  std::map<char, int> uses;
  for (const char ch : text.substr(0, arrow)) {
    if (ch == ',')
      e.terms.emplace_back();
    else
      e.terms.back() += ch, ++uses[ch];
  }
  if (arrow == std::string::npos)
    for (const auto& [label, count] : uses)
      if (count == 1) e.result += label;
  if (e.terms.size() != operands) return std::nullopt;
  std::vector<std::string> all = e.terms;
  all.push_back(e.result);
  for (const auto& term : all) {
    if (std::set<char>(term.begin(), term.end()).size() != term.size()) return std::nullopt;
    for (const char ch : term)
      if (std::isalpha(static_cast<unsigned char>(ch)) == 0 || uses[ch] == 0) return std::nullopt;
  }
  return e;
}

bool has(const std::string& labels, char label) {
  return labels.find(label) != std::string::npos;
}

template <class Keep>
std::string those(const std::string& labels, Keep&& keep) {
  std::string out;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(out), keep);
  return out;
}

ir::Dim broadcast(const ir::Dim& a, const ir::Dim& b) {
  if (a == b || (a.known() && a.value != 1)) return a;
  if ((b.known() && b.value != 1) || a.value == 1) return b;
  return b.value == 1 ? a : ir::Dim{};
}

ir::Dim product(const Dims& dims) {
  ir::Dim all{1, ""};
  for (const auto& dim : dims) all.value = all.known() && dim.known() ? all.value * dim.value : -1;
  return all;
}

/// A value whose axes have labels; merged axes have the label of the first.
struct Term {
  ir::ValueId value;
  std::string labels;
  Dims dims;
  bool fixed = false;  ///< a constant
  const ir::Dim& at(char label) const { return dims[labels.find(label)]; }
  Dims of(const std::string& wanted) const {
    Dims out;
    for (const char label : wanted) out.push_back(at(label));
    return out;
  }
};

class Expansion {
 public:
  Expansion(const ir::Graph& g, const ir::Node& node) : graph_(g), node_(node), patch_(g, "as standard operators") {}

  /// An empty `why_not` afterwards: `patch` replaces the node.
  void run() {
    const auto e = parse(node_.attrs.text("equation"), node_.inputs.size());
    if (!e) return refuse("the equation '" + node_.attrs.text("equation") + "' is not of plain operands");
    std::vector<Term> terms;
    for (std::size_t i = 0; i < e->terms.size(); ++i) {
      const ir::TensorType& type = graph_.value(node_.inputs[i]).type;
      if (type.dtype != DType::Float || type.rank() != static_cast<int>(e->terms[i].size()))
        return refuse(name_of(graph_, node_.inputs[i]) + " is " + type.to_string());
      terms.push_back({node_.inputs[i], e->terms[i], *type.dims, is_fixed(graph_, node_.inputs[i])});
    }
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const bool fixed = terms[i].fixed;
      terms[i] = summed(terms[i], those(terms[i].labels, [&](char c) { return !needed(c, terms, i, i, e->result); }));
      terms[i].fixed = fixed;
    }
    while (terms.size() > 1 && why_not.empty()) join(terms, e->result);
    if (!why_not.empty()) return;
    Term y = transposed(terms[0], e->result);
    if (y.value == node_.inputs[0]) y = emit("Identity", {y.value}, {}, y.labels, y.dims);
    patch_.replace(node_.outputs[0], y.value);
  }

  ir::Patch patch() { return std::move(patch_); }
  std::string why_not;

 private:
  /// The result or a term other than these two has the label.
  static bool needed(char label, const std::vector<Term>& terms, std::size_t a, std::size_t b, const std::string& result) {
    for (std::size_t i = 0; i < terms.size(); ++i)
      if (i != a && i != b && has(terms[i].labels, label)) return true;
    return has(result, label);
  }

  /// The first term with the next one that shares a label with it, or else with the next.
  void join(std::vector<Term>& terms, const std::string& result) {
    std::size_t other = 1;
    for (std::size_t i = terms.size() - 1; i > 0; --i)
      if (!those(terms[i].labels, [&](char c) { return has(terms[0].labels, c); }).empty()) other = i;
    std::string kept = terms[0].labels + those(terms[other].labels, [&](char c) { return !has(terms[0].labels, c); });
    kept = terms.size() == 2 ? result : those(kept, [&](char c) { return needed(c, terms, 0, other, result); });
    last_ = terms.size() == 2;
    const bool fixed = terms[0].fixed && terms[other].fixed;
    terms[0] = combined(terms[0], terms[other], kept);
    terms[0].fixed = fixed;
    terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(other));
  }

  void refuse(std::string why) {
    if (why_not.empty()) why_not = std::move(why);
  }

  Term emit(const std::string& op, std::vector<ir::ValueId> inputs, ir::Attrs attrs, std::string labels, Dims dims) {
    const bool itself = last_ && (op == "MatMul" || op == "Mul");
    const ir::TensorType type{DType::Float, dims};
    const auto name = itself ? node_.name : fmt::format("{}/{}{}", node_.name, op, ++count_);
    const auto out = patch_.add_node({op, std::move(inputs), std::move(attrs), name, {type}, {}});
    return {out[0], std::move(labels), std::move(dims)};
  }

  ir::ValueId integers(const std::vector<std::int64_t>& values) {
    return patch_.add_constant(fmt::format("{}/c{}", node_.name, ++count_),
                               ir::Tensor::of({static_cast<std::int64_t>(values.size())}, values));
  }

  Term summed(const Term& x, const std::string& labels) {
    if (labels.empty()) return x;
    std::vector<std::int64_t> axes;
    for (const char label : labels) axes.push_back(static_cast<std::int64_t>(x.labels.find(label)));
    const std::string kept = those(x.labels, [&](char c) { return !has(labels, c); });
    return emit("ReduceSum", {x.value, integers(axes)}, {{"keepdims", std::int64_t{0}}}, kept, x.of(kept));
  }

  Term transposed(const Term& x, const std::string& order) {
    if (x.labels == order) return x;
    std::vector<std::int64_t> perm;
    for (const char label : order) perm.push_back(static_cast<std::int64_t>(x.labels.find(label)));
    return emit("Transpose", {x.value}, {{"perm", perm}}, order, x.of(order));
  }

  /// Labels that x has not are axes of size 1.
  Term aligned(const Term& x, const std::string& order) {
    const Term y = transposed(x, those(order, [&](char c) { return has(x.labels, c); }));
    std::vector<std::int64_t> axes;
    Dims dims;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const bool own = has(x.labels, order[i]);
      dims.push_back(own ? x.at(order[i]) : ir::Dim{1, ""});
      if (!own) axes.push_back(static_cast<std::int64_t>(i));
    }
    return axes.empty() ? y : emit("Unsqueeze", {y.value, integers(axes)}, {}, order, dims);
  }

  /// The first `kept` axes stay; the others become those of `rest`.
  Term reshaped(const Term& x, std::size_t kept, const std::string& labels, const Dims& rest) {
    std::vector<std::int64_t> target(kept, 0);
    for (const auto& dim : rest) target.push_back(dim.value);
    const bool sized = std::count(target.begin(), target.end(), -1) <= 1 &&
                       std::none_of(rest.begin(), rest.end(), [](const auto& dim) { return dim.value == 0; });
    if (!sized) refuse("more than one of the dimensions that are taken apart is unknown");
    Dims dims(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(kept));
    dims.insert(dims.end(), rest.begin(), rest.end());
    return emit("Reshape", {x.value, integers(target)}, {}, labels, dims);
  }

  Term combined(Term a, Term b, const std::string& result) {
    for (const char c : a.labels) {
      if (!has(b.labels, c)) continue;
      const ir::Dim &x = a.at(c), &y = b.at(c);
      const bool one = x.value == 1 || y.value == 1, differ = x.value != y.value;
      if (differ && ((x.known() && y.known() && !one) || (one && !has(result, c))))
        refuse(fmt::format("label '{}' has dimensions that differ", c));
    }
    const auto contracted = those(a.labels, [&](char c) { return has(b.labels, c) && !has(result, c); });
    if (!contracted.empty()) return multiplied(a, b, contracted, result);
    a = aligned(a, result);
    b = aligned(b, result);
    return emit("Mul", {a.value, b.value}, {}, result, both(a.dims, b.dims));
  }

  static Dims both(const Dims& a, const Dims& b) {
    Dims out;
    for (std::size_t i = 0; i < a.size(); ++i) out.push_back(broadcast(a[i], b[i]));
    return out;
  }

  Term multiplied(Term a, Term b, const std::string& k, const std::string& result) {
    const auto batch = those(result, [&](char c) { return has(a.labels, c) && has(b.labels, c); });
    auto m = those(result, [&](char c) { return has(a.labels, c) && !has(b.labels, c); });
    auto n = those(result, [&](char c) { return has(b.labels, c) && !has(a.labels, c); });
    if (a.fixed != b.fixed ? a.fixed : batch.empty() && n.size() > 1 && m.size() < 2) {
      std::swap(a, b);
      std::swap(m, n);
    }
    const std::string alone = (m.empty() ? "0" : "") + std::string(n.empty() ? "1" : "");
    if (m.empty()) m = "0";
    if (n.empty()) n = "1";
    a = aligned(a, batch + m + k);
    b = aligned(b, batch + k + n);
    const Dims ms = a.of(m), ns = b.of(n);
    const bool merges = !batch.empty() && m.size() > 1;
    const std::string rows = merges ? m.substr(0, 1) : m, last = k.substr(0, 1), columns = n.substr(0, 1);
    if (merges)
      a = reshaped(a, batch.size(), batch + rows + last, {product(ms), product(a.of(k))});
    else if (k.size() > 1)
      a = reshaped(a, batch.size() + m.size(), batch + rows + last, {product(a.of(k))});
    if (k.size() > 1)
      b = reshaped(b, batch.size(), batch + last + columns, {product(b.of(k)), product(ns)});
    else if (n.size() > 1)
      b = reshaped(b, batch.size() + 1, batch + last + columns, {product(ns)});
    Dims dims = both(a.of(batch), b.of(batch));
    for (const char c : rows) dims.push_back(a.at(c));
    dims.push_back(b.at(columns[0]));
    Term y = emit("MatMul", {a.value, b.value}, {}, batch + rows + columns, dims);
    if (merges || n.size() > 1) {
      Dims rest = merges ? ms : Dims{};
      rest.insert(rest.end(), ns.begin(), ns.end());
      y = reshaped(y, batch.size() + (merges ? 0 : m.size()), batch + m + n, rest);
    }
    return alone.empty() ? y : squeezed(y, alone);
  }

  Term squeezed(const Term& x, const std::string& labels) {
    std::vector<std::int64_t> axes;
    for (const char label : labels) axes.push_back(static_cast<std::int64_t>(x.labels.find(label)));
    const std::string kept = those(x.labels, [&](char c) { return !has(labels, c); });
    return emit("Squeeze", {x.value, integers(axes)}, {}, kept, x.of(kept));
  }

  const ir::Graph& graph_;
  const ir::Node& node_;
  ir::Patch patch_;
  int count_ = 0;
  bool last_ = true;  ///< the product that is made has the node's name
};

}  // namespace

Rule expand_einsum() {
  return {.name = "expand_einsum",
          .pattern = "y = Einsum(x, ...)",
          .where = [](const ir::Graph& g, const Match& m) -> Support {
            Expansion expansion(g, g.node(m.node("y")));
            expansion.run();
            return expansion.why_not.empty() ? Support::yes() : Support::no(expansion.why_not);
          },
          .rewrite =
              [](const ir::Graph& g, const Match& m) {
                Expansion expansion(g, g.node(m.node("y")));
                expansion.run();
                return expansion.patch();
              }};
}

}  // namespace inc::passes
