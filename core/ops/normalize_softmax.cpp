#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/ops/normalize.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_along_axis(const InferContext& c) {
  normal_axis(c.attrs.integer("axis", -1), static_cast<int>(c.inputs[0].shape.size()));
  return infer_same(c);
}

/// line(values) rewrites one line of elements along the axis.
template <class Line>
void map_lines(const EvalContext& c, Line line) {
  const AxisView view(c.inputs[0].shape(), normal_axis(c.attrs.integer("axis", -1), c.inputs[0].rank()));
  auto values = to_doubles(c.inputs[0]);
  std::vector<double> buffer(static_cast<std::size_t>(view.length));
  if (buffer.empty()) return;
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (std::int64_t i = 0; i < view.inner; ++i) {
      for (std::size_t k = 0; k < buffer.size(); ++k)
        buffer[k] = values[static_cast<std::size_t>(view.at(o, static_cast<std::int64_t>(k), i))];
      line(buffer);
      for (std::size_t k = 0; k < buffer.size(); ++k)
        values[static_cast<std::size_t>(view.at(o, static_cast<std::int64_t>(k), i))] = buffer[k];
    }
  from_doubles(values, c.outputs[0]);
}

void eval_softmax(const EvalContext& c) {
  map_lines(c, [](std::vector<double>& line) {
    const double top = *std::max_element(line.begin(), line.end());
    double sum = 0;
    for (auto& x : line) sum += x = std::exp(x - top);
    for (auto& x : line) x /= sum;
  });
}

void eval_log_softmax(const EvalContext& c) {
  map_lines(c, [](std::vector<double>& line) {
    const double top = *std::max_element(line.begin(), line.end());
    double sum = 0;
    for (const double x : line) sum += std::exp(x - top);
    for (auto& x : line) x -= top + std::log(sum);
  });
}

void eval_hardmax(const EvalContext& c) {
  map_lines(c, [](std::vector<double>& line) {
    const auto top = std::max_element(line.begin(), line.end()) - line.begin();
    std::fill(line.begin(), line.end(), 0);
    line[static_cast<std::size_t>(top)] = 1;
  });
}

void eval_lp(const EvalContext& c) {
  const bool manhattan = c.attrs.integer("p", 2) == 1;
  map_lines(c, [manhattan](std::vector<double>& line) {
    double norm = 0;
    for (const double x : line) norm += manhattan ? std::fabs(x) : x * x;
    if (!manhattan) norm = std::sqrt(norm);
    for (auto& x : line) x = norm == 0 ? 0 : x / norm;
  });
}

Support supports_lp(const ir::Node& node, std::int64_t) {
  const auto p = node.attrs.integer("p", 2);
  if (p == 1 || p == 2) return Support::yes();
  return Support::no(fmt::format("LpNormalization with p = {}: 1 or 2 expected", p));
}

std::vector<OutputSpec> infer_lrn(const InferContext& c) {
  require(c.inputs[0].shape.size() >= 2, "the input of LRN has no channel dimension");
  require(c.attrs.integer("size", 0) >= 1, "the size of LRN is less than 1");
  return infer_same(c);
}

void eval_lrn(const EvalContext& c) {
  const AxisView view(c.inputs[0].shape(), 1);
  const auto size = c.attrs.integer("size");
  const auto alpha = static_cast<double>(c.attrs.real("alpha", 0.0001f)),
             beta = static_cast<double>(c.attrs.real("beta", 0.75f)), bias = static_cast<double>(c.attrs.real("bias", 1.0f));
  const auto x = to_doubles(c.inputs[0]);
  std::vector<double> y(x.size());
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (std::int64_t k = 0; k < view.length; ++k)
      for (std::int64_t i = 0; i < view.inner; ++i) {
        const std::int64_t first = std::max<std::int64_t>(0, k - (size - 1) / 2);
        const std::int64_t last = std::min(view.length - 1, k + size / 2);
        double squares = 0;
        for (std::int64_t n = first; n <= last; ++n)
          squares += x[static_cast<std::size_t>(view.at(o, n, i))] * x[static_cast<std::size_t>(view.at(o, n, i))];
        const auto place = static_cast<std::size_t>(view.at(o, k, i));
        y[place] = x[place] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
      }
  from_doubles(y, c.outputs[0]);
}

OpInfo along_axis(std::string_view name, void (*eval)(const EvalContext&), Bf16Policy bf16 = Bf16Policy::Deny) {
  return {.name = name, .bf16 = bf16, .infer = infer_along_axis, .eval = eval};
}

}  // namespace

std::span<const OpInfo> normalize_softmax_rows() noexcept {
  static const OpInfo rows[] = {
      along_axis("Softmax", eval_softmax, Bf16Policy::Infer),
      along_axis("LogSoftmax", eval_log_softmax),
      along_axis("Hardmax", eval_hardmax),
      {.name = "LpNormalization", .infer = infer_along_axis, .eval = eval_lp, .supports = supports_lp},
      {.name = "LRN", .infer = infer_lrn, .eval = eval_lrn},
  };
  return rows;
}

}  // namespace inc::ops
