#pragma once
// Calibration: one streaming pass over the samples; statistics are mergeable and their size does not depend on the
// number of samples. Collecting and deciding are apart: ranges are pure functions of statistics.
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "core/eval/dataset.h"
#include "core/quant/scheme.h"
#include "core/runtime/adaptor.h"

namespace inc::calib {

/// What is kept of one value. merge(a, b) equals observing both parts in one go.
struct Stats {
  float min = 0, max = 0;  ///< of finite elements; meaningless while count is 0
  std::int64_t count = 0;  ///< elements seen
  std::int64_t not_finite = 0;
  void observe(const ir::Tensor& tensor);  ///< FP32 tensors only
  void merge(const Stats& other);
};

/// A pure function of the statistics. Throws DataError when nothing was observed or something was not finite,
/// UnsupportedError for a method other than MinMax.
quant::Range range_from(const Stats& stats, quant::RangeMethod method);

using StatsTable = std::map<ir::ValueId, Stats>;

struct CalibrationOptions {
  std::int64_t samples = 100;  ///< at most; fewer when the data set is smaller
  std::int64_t batch_size = 1;
  std::function<bool()> should_stop = {};
};

/// Runs the samples through the executable (of `graph`) and observes `values`. Where the graph fixes its batch size,
/// whole batches are run: a remainder is left out, and at least one batch is run. Throws DataError for an empty data set,
/// for a sample that is not finite, naming its index, and for an observed value that is not finite, naming it.
StatsTable collect(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                   const std::vector<ir::ValueId>& values, const CalibrationOptions& options);

quant::RangeTable ranges_from(const StatsTable& stats, const std::set<quant::RangeMethod>& methods);

}  // namespace inc::calib
