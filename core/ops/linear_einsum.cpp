#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/ops/linear.h"

namespace inc::ops {
namespace {

/// A parsed equation over concrete shapes: the labels of the output first, then those that are summed.
struct Equation {
  ir::Shape extents;
  std::size_t output_rank = 0;
  std::vector<Strides> strides;  ///< of each operand along the labels
};

/// Letters, and for the broadcast dimensions under "..." '0' + position from the right.
using Labels = std::vector<char>;

constexpr std::size_t kMaxHidden = 8;

Labels labels_of(const std::string& term, std::size_t hidden) {
  Labels out;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term.compare(i, 3, "...") == 0) {
      for (std::size_t k = hidden; k-- > 0;) out.push_back(static_cast<char>('0' + k));
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(term[i])) != 0) {
      out.push_back(term[i]);
    } else {
      throw ModelError(fmt::format("equation term '{}' found, expected letters and '...'", term));
    }
  }
  return out;
}

std::size_t hidden_rank(const std::string& term, std::size_t rank) {
  if (term.find("...") == std::string::npos) return 0;
  const std::size_t named = term.size() - 3;
  if (named > rank || rank - named > kMaxHidden)
    throw ModelError(fmt::format("equation term '{}' found for an operand of rank {}", term, rank));
  return rank - named;
}

std::vector<std::string> split_terms(const std::string& text) {
  std::vector<std::string> terms(1);
  for (const char ch : text) {
    if (ch == ',')
      terms.emplace_back();
    else
      terms.back() += ch;
  }
  return terms;
}

Labels implicit_output(const std::vector<Labels>& operands) {
  std::map<char, int> uses;
  for (const auto& labels : operands)
    for (const char label : labels) ++uses[label];
  Labels out;
  for (std::size_t k = kMaxHidden; k-- > 0;)
    if (uses.count(static_cast<char>('0' + k)) != 0) out.push_back(static_cast<char>('0' + k));
  for (const auto& [label, count] : uses)
    if (count == 1 && std::isalpha(static_cast<unsigned char>(label)) != 0) out.push_back(label);
  return out;
}

std::map<char, std::int64_t> extents_of(const std::vector<Labels>& operands, const std::vector<ir::Shape>& shapes) {
  std::map<char, std::int64_t> extents;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].size() != shapes[i].size())
      throw ModelError(fmt::format("operand {} of shape {} does not fit the equation", i, to_string(shapes[i])));
    for (std::size_t d = 0; d < shapes[i].size(); ++d) {
      auto& extent = extents.emplace(operands[i][d], shapes[i][d]).first->second;
      if (extent == 1) extent = shapes[i][d];
      if (shapes[i][d] != extent && shapes[i][d] != 1)
        throw ModelError(fmt::format("label '{}' is {} and {}", operands[i][d], extent, shapes[i][d]));
    }
  }
  return extents;
}

Equation parse(const ir::Attrs& attrs, const std::vector<ir::Shape>& shapes) {
  std::string text = attrs.text("equation");
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const auto arrow = text.find("->");
  const auto terms = split_terms(text.substr(0, arrow));
  if (terms.size() != shapes.size())
    throw ModelError(fmt::format("equation '{}' found for {} operands", text, shapes.size()));
  std::vector<Labels> operands;
  std::size_t hidden = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::size_t own = hidden_rank(terms[i], shapes[i].size());
    hidden = std::max(hidden, own);
    operands.push_back(labels_of(terms[i], own));
  }
  Labels order = arrow == std::string::npos ? implicit_output(operands) : labels_of(text.substr(arrow + 2), hidden);
  const auto extents = extents_of(operands, shapes);
  Equation e;
  e.output_rank = order.size();
  for (const auto& [label, extent] : extents)
    if (std::find(order.begin(), order.end(), label) == order.end()) order.push_back(label);
  for (const char label : order) {
    const auto it = extents.find(label);
    if (it == extents.end()) throw ModelError(fmt::format("label '{}' of the output is in no operand", label));
    e.extents.push_back(it->second);
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    Strides along(order.size(), 0);
    const Strides own = strides_of(shapes[i]);
    for (std::size_t d = 0; d < operands[i].size(); ++d)
      if (shapes[i][d] != 1)
        along[static_cast<std::size_t>(std::find(order.begin(), order.end(), operands[i][d]) - order.begin())] += own[d];
    e.strides.push_back(along);
  }
  return e;
}

std::vector<OutputSpec> infer_einsum(const InferContext& c) {
  require_same_dtype(c, 0, c.inputs.size());
  std::vector<ir::Shape> shapes;
  for (const auto& input : c.inputs) shapes.push_back(input.shape);
  const Equation e = parse(c.attrs, shapes);
  return {{c.inputs[0].dtype, ir::Shape(e.extents.begin(), e.extents.begin() + static_cast<std::ptrdiff_t>(e.output_rank))}};
}

void eval_einsum(const EvalContext& c) {
  std::vector<ir::Shape> shapes;
  for (const auto& input : c.inputs) shapes.push_back(input.shape());
  Equation e = parse(c.attrs, shapes);
  Strides out(e.extents.size(), 0);
  const Strides own = strides_of(c.outputs[0].shape());
  std::copy(own.begin(), own.end(), out.begin());
  e.strides.push_back(out);
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = Acc<T>;
    std::vector<std::vector<A>> operands;
    for (const auto& input : c.inputs) operands.push_back(widened<A>(input));
    std::vector<A> sums(static_cast<std::size_t>(c.outputs[0].count()), A{});
    for_each_position(e.extents, e.strides, [&](std::int64_t, const std::int64_t* at) {
      A term = 1;
      for (std::size_t i = 0; i < operands.size(); ++i) term *= operands[i][static_cast<std::size_t>(at[i])];
      sums[static_cast<std::size_t>(at[operands.size()])] += term;
    });
    std::transform(sums.begin(), sums.end(), c.outputs[0].mutable_data<T>(), [](A sum) { return narrow<T>(sum); });
  });
}

std::vector<OutputSpec> infer_det(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  require(x.size() >= 2 && x.back() == x[x.size() - 2],
          fmt::format("input {} found, expected square matrices", to_string(x)));
  return {{c.inputs[0].dtype, ir::Shape(x.begin(), x.end() - 2)}};
}

double determinant(std::vector<double> a, std::size_t n) {
  double det = 1;
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t r = k + 1; r < n; ++r)
      if (std::abs(a[r * n + k]) > std::abs(a[pivot * n + k])) pivot = r;
    if (a[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      det = -det;
      for (std::size_t i = 0; i < n; ++i) std::swap(a[k * n + i], a[pivot * n + i]);
    }
    det *= a[k * n + k];
    for (std::size_t r = k + 1; r < n; ++r) {
      const double factor = a[r * n + k] / a[k * n + k];
      for (std::size_t i = k; i < n; ++i) a[r * n + i] -= factor * a[k * n + i];
    }
  }
  return det;
}

void eval_det(const EvalContext& c) {
  const auto n = static_cast<std::size_t>(c.inputs[0].shape().back());
  const auto x = to_doubles(c.inputs[0]);
  std::vector<double> out;
  for (std::int64_t i = 0; i < c.outputs[0].count(); ++i) {
    const auto begin = x.begin() + i * static_cast<std::int64_t>(n * n);
    out.push_back(determinant(std::vector<double>(begin, begin + static_cast<std::int64_t>(n * n)), n));
  }
  from_doubles(out, c.outputs[0]);
}

}  // namespace

std::span<const OpInfo> einsum_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Einsum", .max_inputs = kAnyNumber, .infer = infer_einsum, .eval = eval_einsum},
      {.name = "Det", .infer = infer_det, .eval = eval_det},
  };
  return kRows;
}

}  // namespace inc::ops
