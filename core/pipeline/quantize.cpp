#include "core/pipeline/quantize.h"

#include "core/pipeline/calibration.h"
#include "core/pipeline/costs.h"
#include "core/pipeline/identity.h"
#include "core/pipeline/result.h"
#include "core/pipeline/space_options.h"
#include "core/pipeline/tune.h"

namespace inc::pipeline {
namespace {

BackendError interrupted_early() {
  return BackendError("interrupted before the baseline was known; no model was written");
}

}  // namespace

report::Report quantize(const config::Config& config, const runtime::Adaptor& adaptor, const QuantizeOptions& options) {
  Stages stages;
  stages.enter("load");
  LoadedModel model = load_model(config, options.supplied);
  const auto task = config.tuning.exit_policy.performance_only ? std::nullopt : accuracy_task(config, options.supplied);
  reorder_channels(model, config);
  const auto fp32 = adaptor.prepare(model.fused);
  tuning::SpaceOptions allowed = space_options(config, adaptor);
  tuning::TuningSpace allowed_space = tuning::build_space(model.fused, adaptor, allowed);
  const std::filesystem::path directory = make_output_directory(config, model, options);
  std::vector<std::string> notes;
  for (const config::NotHonoured& item : config.not_honoured) notes.push_back(item.sentence());
  stages.enter("measure speed");
  auto costs = find_costs(config, model, adaptor, *fp32, allowed_space, allowed, directory, options, notes);
  if (stop_requested(options)) throw interrupted_early();
  if (costs && !costs->verdict.kept.empty()) {
    keep_back(*costs, allowed, notes);
    allowed_space = tuning::build_space(model.fused, adaptor, allowed);
  }
  const std::optional<CalibrationTask> samples = calibration_task(config, options.supplied, allowed_space);
  const CalibrationTask* task_or_null = samples ? &*samples : nullptr;

  search::History history;
  std::optional<search::Journal> journal;
  if (task)
    journal = open_journal(
        {config, model, *task, task_or_null, allowed_space, costs ? &*costs : nullptr, adaptor, options.machine}, directory,
        options, history);

  stages.enter("calibrate");
  const Calibrated calibrated =
      calibrate(config, task_or_null, model, adaptor, *fp32, allowed, std::move(allowed_space), options);
  if ((task || options.ranks->several()) && stop_requested(options)) throw interrupted_early();
  const tuning::TuningSpace& space = calibrated.space;
  tuning::CandidateBuilder candidates(
      model.fused, calibrated.ranges, space, adaptor, *fp32, qdq_options(config), allowed.bf16_policies,
      corrections(config, task_or_null, task ? &*task : nullptr, calibrated.predictions, options));
  Result result{config, model, options.supplied, space, candidates, directory, stages, calibrated.seconds, std::move(notes)};
  result.choices = calibrated.choices;
  result.costs = costs ? &*costs : nullptr;
  if (!task) return finish(result, adaptor, options);
  return tune(result, *task, costs, adaptor, options, journal, std::move(history));
}

}  // namespace inc::pipeline
