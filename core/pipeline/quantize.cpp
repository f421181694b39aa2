#include "core/pipeline/quantize.h"

#include "core/pipeline/aims.h"
#include "core/pipeline/calibration.h"
#include "core/pipeline/costs.h"
#include "core/pipeline/identity.h"
#include "core/pipeline/result.h"
#include "core/pipeline/space_options.h"
#include "core/search/journal.h"
#include "core/tuning/measure.h"
#include "core/tuning/sensitivity.h"
#include "strategies/registry.h"

namespace inc::pipeline {
namespace {

search::StopRule stop_rule(const config::ExitPolicy& policy, const QuantizeOptions& options) {
  search::StopRule rule;
  rule.max_trials = static_cast<std::size_t>(policy.max_trials);
  rule.timeout_seconds = policy.timeout;
  rule.should_stop = options.should_stop;
  return rule;
}

eval::EvalOptions evaluation(const AccuracyTask& task, const QuantizeOptions& options, Progress state) {
  return {task.batch_size, task.samples, [&options, state](std::int64_t done, std::int64_t total) mutable {
            state.done = done;
            state.total = total;
            if (options.progress) options.progress(state);
            return !options.should_stop || !options.should_stop();
          }};
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

BackendError interrupted_early() {
  return BackendError("interrupted before the baseline was known; no model was written");
}

eval::Score baseline_score(const LoadedModel& model, const runtime::Executable& fp32, const AccuracyTask& task,
                           tuning::Fp32Outputs& outputs, const QuantizeOptions& options) {
  eval::EvalOptions baseline = evaluation(task, options, {"baseline", 0, 0});
  baseline.on_outputs = [&](std::int64_t first, std::span<const ir::Tensor> batch) { outputs.keep(first, batch); };
  eval::Score base = eval::evaluate(model.fused, fp32, *task.data, *task.metric, baseline, &fp32);
  if (!base.complete) throw interrupted_early();
  return base;
}

}  // namespace

report::Report quantize(const config::Config& config, const runtime::Adaptor& adaptor, const QuantizeOptions& options) {
  Stages stages;
  stages.enter("load");
  LoadedModel model = load_model(config);
  reorder_channels(model, config);
  const auto fp32 = adaptor.prepare(model.fused);
  tuning::SpaceOptions allowed = space_options(config, adaptor);
  tuning::TuningSpace allowed_space = tuning::build_space(model.fused, adaptor, allowed);
  const std::filesystem::path directory = make_output_directory(config, model, options);
  std::vector<std::string> notes;
  stages.enter("measure speed");
  const auto costs = find_costs(config, model, adaptor, *fp32, allowed_space, allowed, directory, options, notes);
  if (stop_requested(options)) throw interrupted_early();
  if (costs && !costs->verdict.kept.empty()) {
    keep_back(*costs, allowed, notes);
    allowed_space = tuning::build_space(model.fused, adaptor, allowed);
  }
  const std::optional<CalibrationTask> samples = calibration_task(config, allowed_space);
  const CalibrationTask* task_or_null = samples ? &*samples : nullptr;

  const auto task = config.tuning.exit_policy.performance_only ? std::nullopt : accuracy_task(config);
  search::History history;
  std::optional<search::Journal> journal;
  if (task)
    journal = open_journal(
        {config, model, *task, task_or_null, allowed_space, costs ? &*costs : nullptr, adaptor, options.machine}, directory,
        options.resume, history);

  stages.enter("calibrate");
  const Calibrated calibrated =
      calibrate(config, task_or_null, model, adaptor, *fp32, allowed, std::move(allowed_space), options);
  if ((task || options.ranks->several()) && stop_requested(options)) throw interrupted_early();
  const tuning::TuningSpace& space = calibrated.space;
  tuning::CandidateBuilder candidates(model.fused, calibrated.ranges, space, adaptor, *fp32, qdq_options(config),
                                      allowed.bf16_policies, corrections(config, task_or_null, options));
  Result result{config, model, space, candidates, directory, stages, calibrated.seconds, std::move(notes)};
  result.notes.insert(result.notes.end(), calibrated.notes.begin(), calibrated.notes.end());
  result.costs = costs ? &*costs : nullptr;
  if (!task) return finish(result, adaptor, options);

  stages.enter("baseline");
  tuning::Fp32Outputs outputs;
  const eval::Score base = baseline_score(model, *fp32, *task, outputs, options);
  const tuning::Criterion criterion(config.tuning.accuracy_criterion, task->metric->higher_is_better(), base.value);

  const Aims aims(config, model, costs, space, *fp32, base, criterion);
  const tuning::Workbench bench{candidates,    *task->data, *task->metric,
                                criterion,     outputs,     evaluation(*task, options, {"tune", 0, 0}),
                                &aims.rating()};
  stages.enter("search");
  const auto strategy =
      strategies::make(config.tuning.strategy.name, space.shape,
                       {static_cast<std::uint64_t>(config.tuning.random_seed), aims.prediction(), criterion.allowed()});
  const auto sensitivity = [&] {
    if (options.progress) options.progress({"sensitivities", 0, 1});
    return tuning::sensitivities({model.fused, space, candidates, *task->data, task->samples, task->batch_size},
                                 {.should_stop = options.should_stop, .ranks = options.ranks});
  };
  const search::Outcome outcome =
      search::tune(*strategy, {tuning::make_measure(bench), sensitivity}, stop_rule(config.tuning.exit_policy, options),
                   listener(*journal, options), std::move(history));

  result.baseline.accuracy = base.value;
  result.outcome = &outcome;
  result.criterion = &criterion;
  result.objective = &aims.objective();
  result.best = outcome.history.best();
  result.task = &*task;
  return finish(result, adaptor, options);
}

}  // namespace inc::pipeline
