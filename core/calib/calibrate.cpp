#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "core/base/error.h"
#include "core/base/pack.h"
#include "core/base/parallel.h"
#include "core/calib/calibrator.h"

namespace inc::calib {
namespace {

/// Samples [first, first + count).
struct Slice {
  std::int64_t first, count;
};

/// What keeps the largest of the values between the step that makes it and its statistics in the cache, where its size is
/// known. Only averages of batches depend on it.
std::int64_t batch_in_cache(const ir::Graph& graph, const std::vector<quant::Watched>& values,
                            const CalibrationOptions& options) {
  constexpr std::int64_t kBytes = std::int64_t{1} << 20;
  if (options.methods.contains(quant::RangeMethod::MovingAverage)) return options.batch_size;
  std::int64_t largest = 1;
  for (const quant::Watched& watched : values) {
    const auto& dims = graph.value(watched.value).type.dims;
    if (!dims) return options.batch_size;
    std::int64_t bytes = static_cast<std::int64_t>(sizeof(float));
    for (std::size_t i = 1; i < dims->size(); ++i) {
      if (!(*dims)[i].known()) return options.batch_size;
      bytes *= (*dims)[i].value;
    }
    largest = std::max(largest, bytes);
  }
  return std::clamp<std::int64_t>(kBytes / largest, 1, std::max<std::int64_t>(1, options.batch_size));
}

/// Of the size that the graph can run; a remainder that it cannot run is left out.
std::vector<Slice> slices(const ir::Graph& graph, std::int64_t total, std::int64_t batch_size) {
  std::vector<Slice> out;
  const std::int64_t step = eval::usable_batch_size(graph, std::min(total, batch_size));
  for (std::int64_t first = 0; first < total; first += step) {
    const std::int64_t count = eval::usable_batch_size(graph, std::min(step, total - first));
    if (first > 0 && count > total - first) break;
    out.push_back({first, count});
  }
  return out;
}

/// Statistics of the watched values of one executable, batch after batch.
class Collector {
 public:
  Collector(const ir::Graph& graph, const runtime::Executable& executable, const std::vector<quant::Watched>& values,
            const CalibrationOptions& options)
      : graph_(graph), executable_(executable) {
    for (const quant::Watched& watched : values) {
      table_.try_emplace(watched.value,
                         needs(options.methods, options.ranges, options.channels ? watched.channel_axis : -1));
      const auto input = std::find(graph.inputs().begin(), graph.inputs().end(), watched.value);
      if (input == graph.inputs().end())
        tap_.wanted.insert(watched.value);
      else
        from_inputs_.emplace_back(static_cast<std::size_t>(input - graph.inputs().begin()), watched.value);
    }
    tap_.on_value = [this](ir::ValueId id, const ir::Tensor& tensor) {
      check_rank(id, tensor);
      const std::lock_guard lock(mutex_);
      table_.at(id).observe(tensor);
    };
  }

  void run(const std::vector<ir::Tensor>& inputs, std::int64_t first, std::int64_t count) {
    check_inputs(inputs, first, count);
    for (const auto& [index, id] : from_inputs_) table_.at(id).observe(inputs.at(index));
    with_context([&] { return fmt::format("while calibrating with samples {} to {}", first, first + count - 1); },
                 [&] { executable_.run(inputs, tap_); });
    check_values(first, count);
  }

  void run(const eval::Dataset& data, std::span<const Slice> batches, const std::function<bool()>& should_stop) {
    for (const Slice& slice : batches) {
      if (should_stop && should_stop()) return;
      const eval::Batch batch = eval::load_batch(graph_, data, slice.first, slice.count);
      run(batch.inputs, batch.first, batch.count);
    }
  }

  std::string packed() const {
    Packer packer;
    for (const auto& [id, stats] : table_) packer(stats);
    return std::move(packer).take();
  }
  /// Of a collector of the same values, from what came after.
  void merge(const std::string& bytes, StatsTable empty) {
    Unpacker unpacker(bytes);
    for (auto& [id, stats] : empty) {
      unpacker(stats);
      table_.at(id).merge(stats);
    }
  }
  const StatsTable& table() const noexcept { return table_; }
  StatsTable take() && { return std::move(table_); }

 private:
  /// An output's declaration is believed where nothing else tells its type.
  void check_rank(ir::ValueId id, const ir::Tensor& tensor) const {
    const ir::Value& value = graph_.value(id);
    if (value.type.dims && value.type.rank() != tensor.rank())
      throw ModelError(fmt::format("value '{}' is declared as {}, but computed as {}", value.name, value.type.to_string(),
                                   ir::TensorType::of(tensor.dtype(), tensor.shape()).to_string()));
  }

  void check_inputs(const std::vector<ir::Tensor>& inputs, std::int64_t first, std::int64_t count) const {
    for (std::size_t i = 0; i < inputs.size() && i < graph_.inputs().size(); ++i) {
      const ir::Tensor& input = inputs[i];
      if (input.dtype() != DType::Float || extremes_of(input).not_finite == 0) continue;
      const auto values = input.values<float>();
      const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
      const std::int64_t per_sample = std::max<std::int64_t>(1, input.count() / std::max<std::int64_t>(1, count));
      throw DataError(fmt::format("calibration sample {}: {} found in input '{}', finite numbers expected",
                                  first + (bad - values.begin()) / per_sample, *bad, graph_.value(graph_.inputs()[i]).name));
    }
  }

  void check_values(std::int64_t first, std::int64_t count) const {
    for (const auto& [id, stats] : table_)
      if (stats.extremes.not_finite > 0)
        throw DataError(
            fmt::format("value '{}' has {} elements that are not finite in calibration samples {} to {}, 0 expected",
                        graph_.value(id).name, stats.extremes.not_finite, first, first + count - 1));
  }

  const ir::Graph& graph_;
  const runtime::Executable& executable_;
  StatsTable table_;
  std::mutex mutex_;
  runtime::TapSink tap_;
  std::vector<std::pair<std::size_t, ir::ValueId>> from_inputs_;
};

std::int64_t samples_in(const std::vector<ir::Tensor>& inputs) {
  return inputs.empty() || inputs[0].rank() == 0 ? 1 : inputs[0].shape()[0];
}

}  // namespace

StatsTable collect(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                   const std::vector<quant::Watched>& values, const CalibrationOptions& options) {
  const std::int64_t total = std::min(data.size(), options.samples);
  if (total <= 0)
    throw DataError(fmt::format("calibration has no samples: {} found in {}, at least 1 expected",
                                std::max<std::int64_t>(0, total), data.describe()));
  Collector collector(graph, executable, values, options);
  const std::vector<Slice> all = slices(graph, total, batch_in_cache(graph, values, options));
  const Ranks& ranks = *options.ranks;
  if (!ranks.several()) {
    collector.run(data, all, options.should_stop);
    return std::move(collector).take();
  }
  const StatsTable empty = collector.table();
  const auto size = static_cast<std::size_t>(ranks.size());
  auto parts = share_out(ranks, ranks.size(), [&](std::int64_t rank) {
    const std::size_t r = static_cast<std::size_t>(rank), begin = all.size() * r / size, end = all.size() * (r + 1) / size;
    Collector part(graph, executable, values, options);
    part.run(data, std::span(all).subspan(begin, end - begin), options.should_stop);
    return part.packed();
  });
  for (Piece& part : parts) collector.merge(std::move(part).take(), empty);
  return std::move(collector).take();
}

quant::RangeTable ranges_from(const ir::Graph& graph, const StatsTable& stats, const CalibrationOptions& options) {
  quant::RangeTable table;
  std::set<quant::RangeMethod> methods = options.methods;
  methods.insert(quant::RangeMethod::MinMax);
  std::vector<std::pair<const Stats*, decltype(table.tensor)::value_type*>> jobs;
  for (const auto& [value, seen] : stats) {
    with_context([&] { return fmt::format("for value '{}'", graph.value(value).name); },
                 [&] { return range_from(seen, quant::RangeMethod::MinMax, options.ranges); });
    for (const quant::RangeMethod method : methods)
      jobs.emplace_back(&seen, &*table.tensor.try_emplace({value, method}).first);
    if (!seen.channels) continue;
    if (auto channels = seen.channels->ranges()) table.channels.emplace(value, std::move(*channels));
  }
  parallel_for(static_cast<std::int64_t>(jobs.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (const auto& [seen, entry] :
         std::span(jobs).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)))
      entry->second = range_from(*seen, entry->first.second, options.ranges);
  });
  return table;
}

quant::RangeTable calibrate(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                            const CalibrationOptions& options) {
  const auto watched = quant::values_to_calibrate(graph, options.placement, options.attentions);
  return ranges_from(graph, collect(graph, executable, data, watched, options), options);
}

quant::RangeTable calibrate(const ir::Graph& graph, const runtime::Executable& executable,
                            std::span<const std::vector<ir::Tensor>> batches, const CalibrationOptions& options) {
  Collector collector(graph, executable, quant::values_to_calibrate(graph, options.placement, options.attentions), options);
  std::int64_t first = 0;
  for (const std::vector<ir::Tensor>& inputs : batches) {
    if (options.should_stop && options.should_stop()) break;
    collector.run(inputs, first, samples_in(inputs));
    first += samples_in(inputs);
  }
  return ranges_from(graph, std::move(collector).take(), options);
}

}  // namespace inc::calib
