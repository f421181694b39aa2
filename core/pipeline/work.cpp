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

}  // namespace

std::filesystem::path model_path(const config::Config& config) {
  if (config.model.path.empty())
    throw ConfigError(fmt::format("{}: no model given: expected model.path or --model", config.file.string()));
  const std::filesystem::path path = config.model.path;
  return path.is_absolute() ? path : config.file.parent_path() / path;
}

LoadedModel load_model(const config::Config& config) {
  LoadedModel model;
  model.path = model_path(config);
  model.name = config.model.name.empty() ? model.path.stem().string() : config.model.name;
  model.fused = onnx_io::import_model(model.path);
  if (config.model.quantized == "retune") passes::strip_quantization_pipeline().run(model.fused);
  passes::fusion_pipeline().run(model.fused);
  return model;
}

void follow_bf16_plan(LoadedModel& model) {
  const auto metadata = onnx_io::metadata_of(model.path);
  const auto plan = metadata.find("inc_cpp.bf16");
  if (plan == metadata.end()) return;
  quant::Bf16Constants constants;
  model.fused =
      with_context([&] { return fmt::format("while reading '{}'", model.path.string()); },
                   [&] { return quant::cast_bf16(model.fused, quant::bf16_plan_of(model.fused, plan->second), constants); });
}

void reorder_channels(LoadedModel& model, const config::Config& config) {
  if (config.quantization && config.quantization->recipes.channel_reordering)
    model.reordered = quant::reorder_channels(model.fused);
}

std::optional<AccuracyTask> accuracy_task(const config::Config& config) {
  if (!config.evaluation || !config.evaluation->accuracy) return std::nullopt;
  const auto& accuracy = *config.evaluation->accuracy;
  if (accuracy.metric.has_value() != accuracy.multi_metrics.empty())
    throw ConfigError(fmt::format("{}: evaluation.accuracy: expected metric or multi_metrics, found {}",
                                  config.file.string(), accuracy.metric ? "both" : "neither"));
  if (!accuracy.dataloader)
    throw ConfigError(fmt::format("{}: evaluation.accuracy has no dataloader", config.file.string()));
  AccuracyTask task;
  task.data = eval::make_dataset(*accuracy.dataloader, config.file.parent_path());
  task.metric = accuracy.metric ? eval::make_metric(*accuracy.metric) : eval::make_metrics(accuracy.multi_metrics);
  task.batch_size = accuracy.dataloader->batch_size;
  if (accuracy.iteration > 0) task.samples = accuracy.iteration * task.batch_size;
  if (task.data->size() == 0) throw DataError(fmt::format("the evaluation data set is empty: {}", task.data->describe()));
  return task;
}

CalibrationTask calibration_task(const config::Config& config) {
  const config::Dataloader* loader = calibration_loader(config);
  if (loader == nullptr)
    throw ConfigError(
        fmt::format("{}: no calibration data: expected quantization.calibration.dataloader", config.file.string()));
  CalibrationTask task;
  task.data = eval::make_dataset(*loader, config.file.parent_path());
  task.batch_size = loader->batch_size;
  const config::Calibration calibration = config.quantization ? config.quantization->calibration : config::Calibration{};
  task.samples = *std::max_element(calibration.sampling_size.begin(), calibration.sampling_size.end());
  return task;
}

bool names_samples(const config::Config& config) {
  return calibration_loader(config) != nullptr;
}

std::optional<CalibrationTask> calibration_task(const config::Config& config, const tuning::TuningSpace& space) {
  if (!space.needs_ranges()) return std::nullopt;
  return calibration_task(config);
}

}  // namespace inc::pipeline
