#include "core/pipeline/tune.h"

#include "core/base/pack.h"
#include "core/pipeline/aims.h"
#include "core/search/shared.h"
#include "core/tuning/measure.h"
#include "core/tuning/sensitivity.h"
#include "strategies/registry.h"

namespace inc::pipeline {
namespace {

/// Full evaluations that a search may spend where no time was given.
constexpr double kHandful = 4;

search::StopRule stop_rule(const config::ExitPolicy& policy, const QuantizeOptions& options) {
  search::StopRule rule;
  rule.max_trials = static_cast<std::size_t>(policy.max_trials);
  rule.timeout_seconds = policy.timeout;
  rule.should_stop = options.should_stop;
  return rule;
}

eval::EvalOptions evaluation(const AccuracyTask& task, const QuantizeOptions& options, Progress state) {
  eval::EvalOptions out{task.batch_size, task.samples, [&options, state](std::int64_t done, std::int64_t total) mutable {
                          state.done = done;
                          state.total = total;
                          if (options.progress) options.progress(state);
                          return !options.should_stop || !options.should_stop();
                        }};
  out.ranks = options.ranks;
  return out;
}

/// A value of another metric than the first is known when the whole set was executed.
std::vector<report::MetricRow> metric_rows(const tuning::Baseline& baseline, const search::Observation* best) {
  const auto metrics = baseline.metric().parts();
  std::vector<report::MetricRow> rows;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const auto& part = baseline.parts()[i];
    const bool known = best != nullptr && i < best->metrics.size();
    rows.push_back(
        {metrics[i]->name(), part.criterion.describe(), part.accuracy, known ? best->metrics[i] : report::kUnknown});
  }
  if (!rows.empty() && best != nullptr) rows.front().result = best->accuracy;
  return rows;
}

std::vector<report::MetricRow> detail_rows(const tuning::Baseline& baseline, const search::Observation* best) {
  std::vector<report::MetricRow> rows;
  for (const auto& [name, value] : baseline.details()) {
    const bool known = best != nullptr && rows.size() < best->details.size();
    rows.push_back({name, "", value, known ? best->details[rows.size()] : report::kUnknown});
  }
  return rows;
}

search::Listener listener(search::Journal& journal, const QuantizeOptions& options) {
  search::Listener out;
  out.on_trial = [&](const search::Observation& seen, std::size_t number) {
    journal.append(seen);
    if (options.on_trial) options.on_trial(seen, number);
  };
  out.on_sensitivity = [&](const search::Sensitivity& found) { journal.append(found); };
  return out;
}

/// Rank 0 searches, the others measure what it wants; they have no outcome.
std::optional<search::Outcome> searched(const search::Strategy& strategy, const search::Part& part,
                                        const config::ExitPolicy& policy, const QuantizeOptions& options,
                                        std::optional<search::Journal>& journal, search::History history) {
  if (!options.ranks->first()) {
    search::follow(*options.ranks, part);
    return std::nullopt;
  }
  search::Outcome outcome = search::tune(strategy, search::shared(*options.ranks, part), stop_rule(policy, options),
                                         listener(journal.value(), options), std::move(history));
  search::dismiss(*options.ranks);
  return outcome;
}

/// What all ranks must know of rank 0's history.
struct Resumed {
  double seconds_left = 0;
  bool sensed = false;
};

Resumed resumed(const config::ExitPolicy& policy, const search::History& history, const Ranks& ranks) {
  Resumed out{tuning::seconds_left(policy, history), history.sensitivity() != nullptr};
  unpack(ranks.broadcast(packed(out)), out);
  return out;
}

}  // namespace

report::Report tune(Result& result, const AccuracyTask& task, std::optional<Costs>& costs, const runtime::Adaptor& adaptor,
                    const QuantizeOptions& options, std::optional<search::Journal>& journal, search::History history) {
  const config::Config& config = result.config;
  const tuning::TuningSpace& space = result.space;
  tuning::CandidateBuilder& candidates = result.candidates;
  const runtime::Executable& fp32 = candidates.fp32();
  result.stages.enter("baseline");
  const tuning::Baseline baseline(result.model.fused, fp32, *task.data, *task.metric,
                                  evaluation(task, options, {"baseline", 0, 0}), tuning::baseline_options(config, space));
  Aims aims(config, result.model, costs, space, fp32, baseline.score(), baseline.criterion());
  const Resumed before = resumed(config.tuning.exit_policy, history, *options.ranks);
  const tuning::Workbench bench{candidates, baseline, evaluation(task, options, {"tune", 0, 0}), &aims.rating(),
                                before.seconds_left};
  tuning::Workbench alone = bench;
  alone.evaluation.ranks = &inc::alone();
  result.stages.enter("search");
  const search::Knowledge knowledge{static_cast<std::uint64_t>(config.tuning.random_seed), aims.prediction(),
                                    baseline.criterion().allowed(), config.tuning.exit_policy.timeout > 0 ? 0 : kHandful};
  const auto strategy = options.supplied.strategy ? options.supplied.strategy(space.shape, knowledge)
                                                  : strategies::make(config.tuning.strategy.name, space.shape, knowledge);
  const auto sensitivities =
      tuning::make_sensitivity_measure({result.model.fused, space, candidates, *task.data, task.samples, task.batch_size},
                                       {.should_stop = options.should_stop, .ranks = options.ranks}, before.seconds_left);
  if (costs && before.sensed) {
    resume_costs(*costs, history.sensitivity() != nullptr ? history.sensitivity()->costs : "", result.model,
                 result.directory, options);
    aims.refine(*costs);
  }
  const auto announced = [&] {
    if (costs) {
      refine_costs(*costs, config, result.model, adaptor, fp32, result.directory, options);
      aims.refine(*costs);
    }
    if (options.progress) options.progress({"sensitivities", 0, 1});
    search::Sensitivity found = sensitivities();
    found.costs = hash_of(costs ? &*costs : nullptr);
    return found;
  };
  const auto outcome = searched(*strategy, {{tuning::make_measure(bench), announced}, tuning::make_measure(alone)},
                                config.tuning.exit_policy, options, journal, std::move(history));
  if (!outcome) return {};

  result.baseline.accuracy = baseline.accuracy();
  result.outcome = &*outcome;
  result.criterion = &baseline.criterion();
  result.objective = &aims.objective();
  result.best = outcome->history.best();
  result.metrics = metric_rows(baseline, result.best);
  result.details = detail_rows(baseline, result.best);
  result.task = &task;
  result.samples = baseline.score().samples;
  result.pass_seconds = baseline.score().model_seconds;
  return finish(result, adaptor, options);
}

}  // namespace inc::pipeline
