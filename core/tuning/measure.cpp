#include "core/tuning/measure.h"

#include <chrono>

namespace inc::tuning {

search::Evaluate make_measure(const Workbench& bench) {
  return [&bench](const search::Point& point) {
    const auto start = std::chrono::steady_clock::now();
    search::Observation observation;
    observation.point = point;
    try {
      const Candidate candidate = bench.candidates.build(point);
      const auto executable = bench.candidates.adaptor().prepare(candidate.graph);
      Divergence divergence(bench.fp32_outputs);
      eval::EvalOptions evaluation = bench.evaluation;
      evaluation.on_outputs = [&](std::int64_t first, std::span<const ir::Tensor> outputs) {
        divergence.add(first, outputs);
      };
      const eval::Score score =
          eval::evaluate(candidate.graph, *executable, bench.data, bench.metric, evaluation, &bench.candidates.fp32());
      if (!score.complete) throw search::Interrupted();
      observation.accuracy = observation.accuracy_low = observation.accuracy_high = score.value;
      observation.loss = bench.criterion.loss(score.value);
      observation.met = bench.criterion.met(score.value);
      observation.latency_ms = 1e3 * score.model_seconds / static_cast<double>(score.samples);
      observation.cost = observation.latency_ms;
      if (bench.rating != nullptr) bench.rating->rate(observation, candidate, *executable);
      observation.full_evaluations = 1;
      observation.divergence = divergence.value();
    } catch (const Error& error) {
      observation.state = search::TrialState::Failed;
      observation.why_failed = error.full_message();
    }
    observation.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return observation;
  };
}

}  // namespace inc::tuning
