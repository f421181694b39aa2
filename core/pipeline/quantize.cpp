#include "core/pipeline/quantize.h"

#include <chrono>

#include "core/calib/calibrator.h"
#include "core/pipeline/identity.h"
#include "core/pipeline/result.h"
#include "core/pipeline/space_options.h"
#include "core/tuning/measure.h"
#include "strategies/registry.h"

namespace inc::pipeline {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Calibrated {
  quant::RangeTable ranges;
  double seconds = 0;
};

Calibrated calibrate(const config::Config& config, const LoadedModel& model, const runtime::Executable& fp32,
                     const QuantizeOptions& options) {
  const auto start = Clock::now();
  const CalibrationTask task = calibration_task(config);
  if (options.progress) options.progress({"calibrate", 0, task.samples});
  const auto stats = calib::collect(model.fused, fp32, *task.data, quant::values_to_calibrate(model.fused),
                                    {task.samples, task.batch_size, options.should_stop});
  return {calib::ranges_from(stats, {quant::RangeMethod::MinMax}), since(start)};
}

search::Journal open_journal(const std::filesystem::path& path, const search::RunIdentity& id, bool resume,
                             search::History& history) {
  if (resume && std::filesystem::exists(path)) return search::Journal::resume(path, id, history);
  return search::Journal::create(path, id);
}

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

}  // namespace

report::Report quantize(const config::Config& config, const runtime::Adaptor& adaptor, const QuantizeOptions& options) {
  const auto start = Clock::now();
  const LoadedModel model = load_model(config);
  const auto fp32 = adaptor.prepare(model.fused);
  const tuning::TuningSpace space =
      tuning::build_space(model.fused, adaptor, space_options(config.quantization.value_or(config::Quantization{})));
  const std::filesystem::path directory = make_output_directory(config, model, options);
  quant::WeightCache weights;

  const auto task = config.tuning.exit_policy.performance_only ? std::nullopt : accuracy_task(config);
  if (!task) {
    const Calibrated calibrated = calibrate(config, model, *fp32, options);
    Result result{config, model, space, *fp32, directory, start, calibrated.seconds};
    result.candidate = quant::insert_qdq(model.fused, space.decode(space.shape.fastest()), calibrated.ranges, weights);
    return finish(result, adaptor, options);
  }

  search::History history;
  search::Journal journal =
      open_journal(directory / "journal.jsonl", identity(config, model, *task, space), options.resume, history);
  const Calibrated calibrated = calibrate(config, model, *fp32, options);
  tuning::Fp32Outputs outputs;
  eval::EvalOptions baseline = evaluation(*task, options, {"baseline", 0, 0});
  baseline.on_outputs = [&](std::int64_t first, std::span<const ir::Tensor> batch) { outputs.keep(first, batch); };
  const eval::Score base = eval::evaluate(model.fused, *fp32, *task->data, *task->metric, baseline, fp32.get());
  if (!base.complete) throw BackendError("interrupted before the baseline was known; no model was written");
  const tuning::Criterion criterion(config.tuning.accuracy_criterion, task->metric->higher_is_better(), base.value);

  const tuning::Workbench bench{model.fused,
                                calibrated.ranges,
                                space,
                                adaptor,
                                *fp32,
                                *task->data,
                                *task->metric,
                                criterion,
                                weights,
                                outputs,
                                evaluation(*task, options, {"tune", 0, 0})};
  const auto strategy =
      strategies::make(config.tuning.strategy.name, space.shape, static_cast<std::uint64_t>(config.tuning.random_seed));
  const search::Outcome outcome = search::tune(
      *strategy, tuning::make_measure(bench), stop_rule(config.tuning.exit_policy, options),
      [&](const search::Observation& seen, std::size_t number) {
        journal.append(seen);
        if (options.on_trial) options.on_trial(seen, number);
      },
      std::move(history));

  const search::Observation* best = outcome.history.best();
  Result result{config, model, space, *fp32, directory, start, calibrated.seconds};
  result.baseline.accuracy = base.value;
  result.candidate = tuning::build_candidate(bench, best != nullptr ? best->point : space.shape.fp32());
  result.outcome = &outcome;
  result.criterion = &criterion;
  result.best = best;
  result.task = &*task;
  return finish(result, adaptor, options);
}

}  // namespace inc::pipeline
