#pragma once
// What a run reads: the model and the data, supplied or named by the configuration.
#include <memory>
#include <optional>

#include "core/config/config.h"
#include "core/eval/dataset.h"
#include "core/eval/metric.h"
#include "core/ir/graph.h"
#include "core/pipeline/supplied.h"
#include "core/quant/reorder_channels.h"
#include "core/tuning/space.h"

namespace inc::pipeline {

struct LoadedModel {
  std::filesystem::path path;                     ///< empty for a model given as bytes
  std::shared_ptr<const std::string> bytes = {};  ///< of such a model
  std::string name;
  ir::Graph fused;
  std::optional<quant::ReorderReport> reordered = {};  ///< of the channels of `fused`
};

/// The path of the model: model.path relative to the configuration file. Throws ConfigError when there is none.
std::filesystem::path model_path(const config::Config& config);
/// Imports and fuses. A model given as bytes is called model.name or "model". Throws ModelError.
LoadedModel load_model(const config::Config& config, const Supplied& supplied = {});
/// Of the model as it was read, without external data.
std::int64_t file_bytes(const LoadedModel& model);
/// Casts to BF16 what the file's metadata says (a model written with mixed_precision.format plan). Throws ModelError for
/// metadata that is no plan.
void follow_bf16_plan(LoadedModel& model);

/// Puts its channels into the order that the recipe channel_reordering asks for.
void reorder_channels(LoadedModel& model, const config::Config& config);

struct AccuracyTask {
  std::shared_ptr<const eval::Dataset> data;
  std::shared_ptr<eval::Metric> metric;
  std::int64_t batch_size = 1, samples = -1;
};
/// evaluation.accuracy, or nothing when there is neither that nor a metric. Throws ConfigError, DataError.
std::optional<AccuracyTask> accuracy_task(const config::Config& config, const Supplied& supplied = {});

struct CalibrationTask {
  std::shared_ptr<const eval::Dataset> data;
  std::int64_t samples = 100, batch_size = 1;
};
/// quantization.calibration, or the evaluation's data when calibration names none. Throws ConfigError, DataError.
CalibrationTask calibration_task(const config::Config& config, const Supplied& supplied = {});
/// The same where the space has options that need ranges; nothing otherwise.
std::optional<CalibrationTask> calibration_task(const config::Config& config, const Supplied& supplied,
                                                const tuning::TuningSpace& space);
/// Whether there is data that calibration_task can read.
bool names_samples(const config::Config& config, const Supplied& supplied);

}  // namespace inc::pipeline
