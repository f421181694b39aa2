#include "core/tuning/measure.h"

#include <algorithm>
#include <chrono>
#include <memory>

namespace inc::tuning {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Evaluates until the verdict is known, and fills the observation.
void evaluate(const Workbench& bench, Clock::time_point search_start, std::size_t trial, search::Observation& observation) {
  const Baseline& baseline = bench.baseline;
  Candidate candidate;
  std::unique_ptr<const runtime::Executable> executable;
  together(*bench.evaluation.ranks, [&] {
    candidate = bench.candidates.build(observation.point);
    executable = bench.candidates.adaptor().prepare(candidate.graph);
  });
  Divergence divergence(baseline.outputs());
  Judge judge(baseline, trial);
  std::optional<search::StopReason> stopped;
  eval::EvalOptions options = bench.evaluation;
  const std::int64_t batch = eval::usable_batch_size(candidate.graph, options.batch_size), samples = baseline.data().size();
  options.on_outputs = [&](std::int64_t first, std::span<const ir::Tensor> outputs) {
    observation.full_evaluations = static_cast<double>(std::min(first + batch, samples)) / static_cast<double>(samples);
    divergence.add(first, outputs);
  };
  options.reference = [&](std::int64_t first) { return baseline.outputs().find(first); };
  options.progress = [&](std::int64_t done, std::int64_t total) {
    if (bench.evaluation.progress && !bench.evaluation.progress(done, total)) stopped = search::StopReason::Interrupted;
    if (seconds_since(search_start) >= bench.seconds_left) stopped = search::StopReason::Timeout;
    return judge.goes_on() && !stopped;
  };
  const eval::Score score =
      eval::evaluate(candidate.graph, *executable, baseline.data(), baseline.metric(), options, &baseline.fp32());
  if (!score.complete && stopped) throw search::Interrupted{*stopped};
  judge.conclude(observation, score.complete);
  if (baseline.metric().runs_model()) observation.full_evaluations = 1;
  observation.latency_ms = 1e3 * score.model_seconds / static_cast<double>(std::max<std::int64_t>(1, score.samples));
  observation.cost = observation.latency_ms;
  if (bench.rating != nullptr) bench.rating->rate(observation, candidate, *executable);
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
  return [&bench, start = Clock::now(), trial = bench.trials_before](const search::Point& point) mutable {
    const auto trial_start = Clock::now();
    search::Observation observation;
    observation.point = point;
    try {
      evaluate(bench, start, ++trial, observation);
    } catch (const Error& error) {
      observation.state = search::TrialState::Failed;
      observation.why_failed = error.full_message();
    }
    observation.seconds = seconds_since(trial_start);
    return observation;
  };
}

std::function<search::Sensitivity()> make_sensitivity_measure(const SensitivityTask& task, const SensitivityOptions& options,
                                                              double seconds_left) {
  return [task, options, seconds_left, start = Clock::now()] {
    const auto late = [&] { return seconds_since(start) >= seconds_left; };
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
