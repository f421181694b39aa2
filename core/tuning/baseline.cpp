#include "core/tuning/baseline.h"

#include <algorithm>
#include <numeric>

#include "core/base/error.h"

namespace inc::tuning {
namespace {

/// Of FP32's outputs: for metrics that compare with them, and to say how far a candidate is from them, where thousands of
/// predictions tell as much as all.
constexpr std::size_t kKeptForMetric = std::size_t{128} << 20, kKeptForDivergence = std::size_t{8} << 20;

/// Of scores times weight, scaled.
eval::ScoreBounds scaled(eval::ScoreBounds bounds, const std::vector<double>& weights, double scale) {
  const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
  bounds.tight = bounds.tight && *least == *most;
  bounds.low *= (bounds.low < 0 ? *most : *least) * scale;
  bounds.high *= (bounds.high > 0 ? *most : *least) * scale;
  return bounds;
}

Baseline::Part part_of_metric(const eval::Metric& metric, const config::AccuracyCriterion& criterion) {
  const double accuracy = metric.value();
  Baseline::Part part{accuracy, Criterion(criterion, metric.higher_is_better(), accuracy), {}, 0, {}};
  const eval::SampleScores* scores = metric.sample_scores();
  if (scores == nullptr) return part;
  const double weight = std::accumulate(scores->weights.begin(), scores->weights.end(), 0.0);
  part.scale = static_cast<double>(scores->weights.size()) / weight;
  part.bounds = scaled(metric.score_bounds(), scores->weights, part.scale);
  for (const double sum : scores->sums) part.scores.push_back(sum * part.scale);
  return part;
}

}  // namespace

BaselineOptions baseline_options(const config::Config& config, const TuningSpace& space) {
  BaselineOptions options{config.tuning.accuracy_criterion, static_cast<std::uint64_t>(config.tuning.random_seed)};
  for (const auto& dim : space.options)
    for (const auto& option : dim) options.natural_order = options.natural_order || option.dynamic;
  return options;
}

Baseline::Baseline(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, eval::Metric& metric,
                   eval::EvalOptions evaluation, const BaselineOptions& options)
    : metric_(metric),
      fp32_(fp32),
      outputs_(metric.needs_reference() ? kKeptForMetric : kKeptForDivergence),
      error_probability_(options.natural_order ? 0 : options.error_probability) {
  const std::int64_t count = evaluation.samples < 0 ? data.size() : std::min(evaluation.samples, data.size());
  std::vector<std::int64_t> order = eval::shuffled_order(count, options.seed);
  if (options.natural_order) std::sort(order.begin(), order.end());
  data_ = eval::reordered(data, std::move(order));
  evaluation.on_outputs = [this](std::int64_t first, std::span<const ir::Tensor> outputs) { outputs_.keep(first, outputs); };
  score_ = eval::evaluate(fused, fp32, *data_, metric, evaluation, &fp32);
  if (!score_.complete) throw BackendError("interrupted before the baseline was known; no model was written");
  for (const eval::Metric* part : metric.parts()) parts_.push_back(part_of_metric(*part, options.criterion));
  details_ = metric.details();
}

std::string Baseline::describe_target() const {
  const auto metrics = metric_.parts();
  if (metrics.size() == 1) return criterion().describe();
  std::string text;
  for (std::size_t i = 0; i < metrics.size(); ++i)
    text += (i > 0 ? "; " : "") + metrics[i]->name() + ": " + parts_[i].criterion.describe();
  return text;
}

double Baseline::alpha(std::size_t trial) const noexcept {
  return eval::decision_alpha(error_probability_, static_cast<std::int64_t>(trial)) / static_cast<double>(parts_.size());
}

Judge::Judge(const Baseline& baseline, std::size_t trial) : baseline_(baseline) {
  const auto metrics = baseline.metric().parts();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Baseline::Part& part = baseline.parts()[i];
    if (part.scores.empty()) {
      tests_.emplace_back();
      continue;
    }
    eval::SequentialSetup setup;
    setup.fp32 = part.scores;
    setup.target = metrics[i]->mean_of(part.criterion.threshold());
    setup.higher_is_better = metrics[i]->higher_is_better();
    setup.low = part.bounds.low;
    setup.high = part.bounds.high;
    setup.tight = part.bounds.tight;
    setup.alpha = baseline.alpha(trial);
    tests_.push_back(std::make_unique<eval::SequentialTest>(std::move(setup)));
  }
}

bool Judge::goes_on() {
  const auto metrics = baseline_.metric().parts();
  bool missed = false;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (!tests_[i]) continue;
    std::vector<double> scores;
    const std::vector<double>& sums = metrics[i]->sample_scores()->sums;
    for (auto at = static_cast<std::size_t>(tests_[i]->seen()); at < sums.size(); ++at)
      scores.push_back(sums[at] * baseline_.parts()[i].scale);
    tests_[i]->add(scores);
    missed = missed || tests_[i]->verdict() == eval::Verdict::Missed;
  }
  return !missed;
}

void Judge::conclude(search::Observation& observation, bool complete) const {
  const auto metrics = baseline_.metric().parts();
  observation.met = complete;
  if (complete)
    for (const auto& [name, value] : baseline_.metric().details()) observation.details.push_back(value);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Baseline::Part& part = baseline_.parts()[i];
    if (complete) observation.metrics.push_back(metrics[i]->value());
    if (!complete && !tests_[i] && i > 0) continue;
    eval::MeanEstimate found;
    if (complete || !tests_[i]) {
      found.mean = found.low = found.high = metrics[i]->value();
    } else {
      found = tests_[i]->estimate();
      for (double* mean : {&found.mean, &found.low, &found.high}) *mean = metrics[i]->value_of(*mean);
    }
    const double loss = part.criterion.loss(found.mean);
    observation.met = observation.met && part.criterion.met(found.mean);
    observation.loss = i == 0 ? loss : std::max(observation.loss, loss);
    if (i > 0) continue;
    if (tests_[i]) {
      const double mean = metrics[i]->mean_of(found.mean), error = tests_[i]->standard_error();
      observation.loss_error = std::abs(part.criterion.loss(metrics[i]->value_of(mean + error)) - loss);
    }
    observation.accuracy = found.mean;
    observation.accuracy_low = found.low;
    observation.accuracy_high = found.high;
  }
}

}  // namespace inc::tuning
