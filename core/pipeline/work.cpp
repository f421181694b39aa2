#include "core/pipeline/work.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/eval/factory.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"

namespace inc::pipeline {
namespace {

/// Of the calibration, otherwise of the evaluation, or null.
const config::Dataloader* calibration_loader(const config::Config& config) {
  if (config.quantization && config.quantization->calibration.dataloader)
    return &*config.quantization->calibration.dataloader;
  if (config.evaluation && config.evaluation->accuracy && config.evaluation->accuracy->dataloader)
    return &*config.evaluation->accuracy->dataloader;
  return nullptr;
}

eval::Dataset const& checked(const eval::Dataset& data) {
  if (data.size() == 0) throw DataError(fmt::format("the data set is empty: {}", data.describe()));
  return data;
}

std::shared_ptr<eval::Metric> metric_of(const config::Config& config, const Supplied& supplied) {
  if (supplied.metric) return supplied.metric;
  if (!config.evaluation || !config.evaluation->accuracy)
    throw ConfigError("evaluation data were given without a metric: expected one, or an evaluation function");
  const auto& accuracy = *config.evaluation->accuracy;
  if (accuracy.metric.has_value() != accuracy.multi_metrics.empty())
    throw ConfigError(fmt::format("{}: evaluation.accuracy: expected metric or multi_metrics, found {}",
                                  config.file.string(), accuracy.metric ? "both" : "neither"));
  return eval::postprocessed(
      accuracy.metric ? eval::make_metric(*accuracy.metric) : eval::make_metrics(accuracy.multi_metrics),
      accuracy.postprocess.transform);
}

void check_direction(const config::Config& config, const eval::Metric& metric) {
  const auto given = config.tuning.accuracy_criterion.higher_is_better;
  if (given && *given != metric.higher_is_better())
    throw ConfigError(fmt::format("{}: tuning.accuracy_criterion.higher_is_better: {} found, {} expected for {}",
                                  config.file.string(), *given ? "True" : "False", *given ? "False" : "True",
                                  metric.name()));
}

}  // namespace

std::filesystem::path model_path(const config::Config& config) {
  if (config.model.path.empty())
    throw ConfigError(fmt::format("{}: no model given: expected model.path or --model", config.file.string()));
  const std::filesystem::path path = config.model.path;
  return path.is_absolute() ? path : config.file.parent_path() / path;
}

LoadedModel load_model(const config::Config& config, const Supplied& supplied) {
  LoadedModel model;
  model.bytes = supplied.model;
  if (!model.bytes) model.path = model_path(config);
  model.name = !config.model.name.empty() ? config.model.name : model.bytes ? "model" : model.path.stem().string();
  model.fused = model.bytes ? onnx_io::import_bytes(*model.bytes, {}) : onnx_io::import_model(model.path);
  if (config.model.quantized == "retune") passes::strip_quantization_pipeline().run(model.fused);
  passes::fusion_pipeline().run(model.fused);
  return model;
}

std::int64_t file_bytes(const LoadedModel& model) {
  return static_cast<std::int64_t>(model.bytes ? model.bytes->size() : std::filesystem::file_size(model.path));
}

void follow_bf16_plan(LoadedModel& model) {
  const auto metadata = model.bytes ? onnx_io::metadata_of_bytes(*model.bytes) : onnx_io::metadata_of(model.path);
  const auto plan = metadata.find("inc_cpp.bf16");
  if (plan == metadata.end()) return;
  quant::Bf16Constants constants;
  model.fused =
      with_context([&] { return fmt::format("while reading '{}'", model.bytes ? model.name : model.path.string()); },
                   [&] { return quant::cast_bf16(model.fused, quant::bf16_plan_of(model.fused, plan->second), constants); });
}

void reorder_channels(LoadedModel& model, const config::Config& config) {
  if (config.quantization && config.quantization->recipes.channel_reordering)
    model.reordered = quant::reorder_channels(model.fused);
}

std::optional<AccuracyTask> accuracy_task(const config::Config& config, const Supplied& supplied) {
  const bool named = config.evaluation && config.evaluation->accuracy;
  if (!named && !supplied.metric && !supplied.evaluation) return std::nullopt;
  const config::AccuracyEvaluation accuracy = named ? *config.evaluation->accuracy : config::AccuracyEvaluation{};
  AccuracyTask task;
  task.metric = metric_of(config, supplied);
  check_direction(config, *task.metric);
  if (supplied.evaluation) {
    task.data = supplied.evaluation->data;
    task.batch_size = supplied.evaluation->batch_size;
  } else if (accuracy.dataloader) {
    task.data = eval::make_dataset(*accuracy.dataloader, config.file.parent_path());
    task.batch_size = accuracy.dataloader->batch_size;
  } else if (task.metric->runs_model()) {
    const CalibrationTask samples = calibration_task(config, supplied);
    task.data = samples.data;
    task.batch_size = samples.batch_size;
  } else {
    throw ConfigError(fmt::format("{}: evaluation.accuracy has no dataloader", config.file.string()));
  }
  if (accuracy.iteration > 0) task.samples = accuracy.iteration * task.batch_size;
  checked(*task.data);
  return task;
}

CalibrationTask calibration_task(const config::Config& config, const Supplied& supplied) {
  CalibrationTask task;
  const auto take = [&](const Supplied::Data& given) {
    task.data = given.data;
    task.batch_size = given.batch_size;
  };
  const config::Dataloader* loader = calibration_loader(config);
  if (supplied.calibration) {
    take(*supplied.calibration);
  } else if (loader != nullptr) {
    task.data = eval::make_dataset(*loader, config.file.parent_path());
    task.batch_size = loader->batch_size;
  } else if (supplied.evaluation) {
    take(*supplied.evaluation);
  } else {
    throw ConfigError(
        fmt::format("{}: no calibration data: expected quantization.calibration.dataloader", config.file.string()));
  }
  checked(*task.data);
  const config::Calibration calibration = config.quantization ? config.quantization->calibration : config::Calibration{};
  task.samples = *std::max_element(calibration.sampling_size.begin(), calibration.sampling_size.end());
  return task;
}

bool names_samples(const config::Config& config, const Supplied& supplied) {
  return supplied.calibration || supplied.evaluation || calibration_loader(config) != nullptr;
}

std::optional<CalibrationTask> calibration_task(const config::Config& config, const Supplied& supplied,
                                                const tuning::TuningSpace& space) {
  if (!space.needs_ranges()) return std::nullopt;
  return calibration_task(config, supplied);
}

}  // namespace inc::pipeline
