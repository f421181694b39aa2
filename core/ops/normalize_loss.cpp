#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/ops/normalize.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_loss(const InferContext& c) {
  const auto& scores = c.inputs[0].shape;
  require(scores.size() >= 2, "the scores of a loss have no class dimension");
  ir::Shape labels = scores;
  labels.erase(labels.begin() + 1);
  if (c.inputs[1].shape != labels)
    throw ModelError(fmt::format("labels have shape {}, expected {}", to_string(c.inputs[1].shape), to_string(labels)));
  require(!c.has(2) || ir::element_count(c.inputs[2].shape) == scores[1], "a loss wants one weight per class");
  if (c.attrs.text("reduction", "mean") != "none") labels.clear();
  std::vector<OutputSpec> outputs{{c.inputs[0].dtype, labels}};
  if (c.output_count > 1) outputs.push_back({c.inputs[0].dtype, scores});
  return outputs;
}

/// Loss of log-probabilities [N, C, D…] against labels [N, D…].
void store_loss(const EvalContext& c, const std::vector<double>& log_probabilities) {
  const AxisView view(c.inputs[0].shape(), 1);
  const auto labels = c.inputs[1].to_int64s();
  const auto weights = c.has(2) ? to_doubles(c.inputs[2]) : std::vector<double>(static_cast<std::size_t>(view.length), 1);
  const bool ignores = c.attrs.has("ignore_index");
  const auto ignored = c.attrs.integer("ignore_index");
  std::vector<double> losses(labels.size(), 0);
  double total = 0, total_weight = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto label = labels[i];
    if (ignores && label == ignored) continue;
    if (label < 0 || label >= view.length)
      throw DataError(fmt::format("label {} found, expected one of {} classes", label, view.length));
    const auto place = static_cast<std::int64_t>(i);
    const double weight = weights[static_cast<std::size_t>(label)];
    losses[i] =
        -weight * log_probabilities[static_cast<std::size_t>(view.at(place / view.inner, label, place % view.inner))];
    total += losses[i];
    total_weight += weight;
  }
  const auto reduction = c.attrs.text("reduction", "mean");
  if (reduction == "none")
    from_doubles(losses, c.outputs[0]);
  else
    from_doubles({reduction == "sum" ? total : total / total_weight}, c.outputs[0]);
}

void eval_likelihood(const EvalContext& c) {
  store_loss(c, to_doubles(c.inputs[0]));
}

void eval_cross_entropy(const EvalContext& c) {
  const AxisView view(c.inputs[0].shape(), 1);
  auto x = to_doubles(c.inputs[0]);
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (std::int64_t i = 0; i < view.inner; ++i) {
      const auto at = [&](std::int64_t k) -> double& { return x[static_cast<std::size_t>(view.at(o, k, i))]; };
      double top = at(0), sum = 0;
      for (std::int64_t k = 1; k < view.length; ++k) top = std::max(top, at(k));
      for (std::int64_t k = 0; k < view.length; ++k) sum += std::exp(at(k) - top);
      for (std::int64_t k = 0; k < view.length; ++k) at(k) -= top + std::log(sum);
    }
  store_loss(c, x);
  if (c.outputs.size() > 1) from_doubles(x, c.outputs[1]);
}

}  // namespace

std::span<const OpInfo> normalize_loss_rows() noexcept {
  static const OpInfo rows[] = {
      {.name = "NegativeLogLikelihoodLoss", .min_inputs = 2, .max_inputs = 3, .infer = infer_loss, .eval = eval_likelihood},
      {.name = "SoftmaxCrossEntropyLoss", .min_inputs = 2, .max_inputs = 3, .infer = infer_loss, .eval = eval_cross_entropy},
  };
  return rows;
}

}  // namespace inc::ops
