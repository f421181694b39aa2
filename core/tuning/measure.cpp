#include "core/tuning/measure.h"

#include <algorithm>
#include <memory>

#include "core/base/stopwatch.h"

namespace inc::tuning {
namespace {

/// Evaluates until the verdict is known, and fills the observation.
void evaluate(const Workbench& bench, const Stopwatch& spent, std::size_t trial, search::Observation& observation) {
  const Baseline& baseline = bench.baseline;
  const Candidate* candidate = nullptr;
  std::unique_ptr<const runtime::Executable> executable;
  together(*bench.evaluation.ranks, [&] {
    candidate = &bench.candidates.build(observation.point);
    executable = bench.candidates.adaptor().prepare(candidate->graph);
  });
  Divergence divergence(baseline.outputs());
  Judge judge(baseline, trial);
  std::optional<search::StopReason> stopped;
  eval::EvalOptions options = bench.evaluation;
  const std::int64_t batch = eval::usable_batch_size(candidate->graph, options.batch_size), samples = baseline.data().size();
  options.on_outputs = [&](std::int64_t first, std::span<const ir::Tensor> outputs) {
    observation.full_evaluations = static_cast<double>(std::min(first + batch, samples)) / static_cast<double>(samples);
    divergence.add(first, outputs);
  };
  options.reference = [&](std::int64_t first) { return baseline.outputs().find(first); };
  options.progress = [&](std::int64_t done, std::int64_t total) {
    if (bench.evaluation.progress && !bench.evaluation.progress(done, total)) stopped = search::StopReason::Interrupted;
    if (spent.seconds() >= bench.seconds_left) stopped = search::StopReason::Timeout;
    return judge.goes_on() && !stopped;
  };
  const eval::Score score =
      eval::evaluate(candidate->graph, *executable, baseline.data(), baseline.metric(), options, &baseline.fp32());
  if (!score.complete && stopped) throw search::Interrupted{*stopped};
  judge.conclude(observation, score.complete);
  if (baseline.metric().runs_model()) observation.full_evaluations = 1;
  observation.latency_ms = 1e3 * score.model_seconds / static_cast<double>(std::max<std::int64_t>(1, score.samples));
  observation.cost = observation.latency_ms;
  if (bench.rating != nullptr) bench.rating->rate(observation, *candidate, *executable);
  observation.divergence = divergence.value();
}

}  // namespace

double seconds_left(const config::ExitPolicy& policy, const search::History& history) {
  if (policy.timeout <= 0) return std::numeric_limits<double>::infinity();
  double spent = history.sensitivity() != nullptr ? history.sensitivity()->seconds : 0;
  for (const auto& seen : history.all()) spent += seen.seconds;
  return policy.timeout - spent;
}

search::Evaluate make_measure(const Workbench& bench) {
  return [&bench, spent = Stopwatch()](const search::Point& point, std::size_t trial) {
    const Stopwatch watch;
    search::Observation observation;
    observation.point = point;
    try {
      evaluate(bench, spent, trial, observation);
    } catch (const Error& error) {
      observation.state = search::TrialState::Failed;
      observation.why_failed = error.full_message();
    }
    observation.seconds = watch.seconds();
    return observation;
  };
}

std::function<search::Sensitivity()> make_sensitivity_measure(const SensitivityTask& task, const SensitivityOptions& options,
                                                              double seconds_left) {
  return [task, options, seconds_left, watch = Stopwatch()] {
    const auto late = [&] { return watch.seconds() >= seconds_left; };
    SensitivityOptions within = options;
    within.should_stop = [&] { return late() || (options.should_stop && options.should_stop()); };
    try {
      return sensitivities(task, within);
    } catch (const search::Interrupted&) {
      throw search::Interrupted{late() ? search::StopReason::Timeout : search::StopReason::Interrupted};
    }
  };
}

}  // namespace inc::tuning
