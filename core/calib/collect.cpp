#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "core/base/error.h"
#include "core/calib/calibrator.h"

namespace inc::calib {
namespace {

/// Throws DataError naming the sample that holds the first element that is not finite.
void check_finite(const ir::Graph& graph, const eval::Batch& batch) {
  for (std::size_t i = 0; i < batch.inputs.size(); ++i) {
    const ir::Tensor& input = batch.inputs[i];
    if (input.dtype() != DType::Float) continue;
    Stats stats;
    stats.observe(input);
    if (stats.not_finite == 0) continue;
    const auto values = input.values<float>();
    const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
    const std::int64_t per_sample = std::max<std::int64_t>(1, input.count() / std::max<std::int64_t>(1, batch.count));
    throw DataError(fmt::format("calibration sample {}: {} found in input '{}', finite numbers expected",
                                batch.first + (bad - values.begin()) / per_sample, *bad,
                                graph.value(graph.inputs()[i]).name));
  }
}

void check_values(const ir::Graph& graph, const StatsTable& table, const eval::Batch& batch) {
  for (const auto& [id, stats] : table)
    if (stats.not_finite > 0)
      throw DataError(
          fmt::format("value '{}' has {} elements that are not finite in calibration samples {} to {}, 0 expected",
                      graph.value(id).name, stats.not_finite, batch.first, batch.first + batch.count - 1));
}

}  // namespace

StatsTable collect(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                   const std::vector<ir::ValueId>& values, const CalibrationOptions& options) {
  const std::int64_t total = std::min(data.size(), options.samples);
  if (total <= 0)
    throw DataError(fmt::format("calibration has no samples: {} found in {}, at least 1 expected",
                                std::max<std::int64_t>(0, total), data.describe()));
  StatsTable table;
  std::mutex mutex;
  runtime::TapSink tap;
  std::vector<std::pair<std::size_t, ir::ValueId>> from_inputs;
  for (const ir::ValueId id : values) {
    table[id];
    const auto input = std::find(graph.inputs().begin(), graph.inputs().end(), id);
    if (input == graph.inputs().end())
      tap.wanted.insert(id);
    else
      from_inputs.emplace_back(static_cast<std::size_t>(input - graph.inputs().begin()), id);
  }
  tap.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) {
    const std::lock_guard lock(mutex);
    table.at(id).observe(tensor);
  };
  const std::int64_t step = eval::usable_batch_size(graph, std::min(total, options.batch_size));
  for (std::int64_t first = 0; first < total; first += step) {
    if (options.should_stop && options.should_stop()) break;
    const std::int64_t count = eval::usable_batch_size(graph, std::min(step, total - first));
    if (first > 0 && count > total - first) break;
    const eval::Batch batch = eval::load_batch(graph, data, first, count);
    check_finite(graph, batch);
    for (const auto& [index, id] : from_inputs) table.at(id).observe(batch.inputs[index]);
    with_context([&] { return fmt::format("while calibrating with samples {} to {}", first, first + batch.count - 1); },
                 [&] { executable.run(batch.inputs, tap); });
    check_values(graph, table, batch);
  }
  return table;
}

}  // namespace inc::calib
