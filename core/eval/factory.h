#pragma once
// Data sets, transforms and metrics from the configuration, by INC's names. Explicit tables; `inc-cpp list` prints them.
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "core/config/config.h"
#include "core/eval/dataset.h"
#include "core/eval/metric.h"

namespace inc::eval {

struct FactoryRow {
  std::string_view name;
  std::string_view parameters;  ///< "root, files, first, count"
  std::string_view summary;
};
std::span<const FactoryRow> dataset_rows() noexcept;
std::span<const FactoryRow> transform_rows() noexcept;
std::span<const FactoryRow> metric_rows() noexcept;
/// Of evaluation.accuracy.postprocess.
std::span<const FactoryRow> postprocess_rows() noexcept;

/// The data set of a dataloader with its transforms applied. Relative paths are relative to `base`.
/// Throws ConfigError (unknown name or parameter) with the place in the file, DataError (files missing or malformed).
std::unique_ptr<const Dataset> make_dataset(const config::Dataloader& dataloader, const std::filesystem::path& base);
/// Throws ConfigError.
std::unique_ptr<Metric> make_metric(const config::Named& metric);
/// Of evaluation.accuracy.multi_metrics: metrics by name, each of which must meet the target; with `weight`, a number for
/// each, their weighted sum must. `higher_is_better` must be what the metrics are. Throws ConfigError.
std::unique_ptr<Metric> make_metrics(const std::vector<config::Named>& several);

/// `metric` on what the transforms make of a model's outputs, in order. Throws ConfigError.
std::unique_ptr<Metric> postprocessed(std::unique_ptr<Metric> metric, const std::vector<config::Named>& transforms);

}  // namespace inc::eval
