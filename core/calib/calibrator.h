#pragma once
// Calibration: one pass over the samples gives the ranges of all methods wanted. Memory does not depend on the number of
// samples. Collecting and deciding are apart: ranges are pure functions of statistics.
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "core/base/ranks.h"
#include "core/calib/difference.h"
#include "core/calib/range.h"
#include "core/calib/stats.h"
#include "core/eval/dataset.h"
#include "core/quant/placement.h"
#include "core/runtime/adaptor.h"

namespace inc::calib {

struct CalibrationOptions {
  std::int64_t samples = 100;   ///< at most; fewer when the data set is smaller
  std::int64_t batch_size = 1;  ///< at most, except for moving averages, which depend on it
  std::set<quant::RangeMethod> methods = {quant::RangeMethod::MinMax};  ///< min-max is always in the table
  RangeOptions ranges = {};
  quant::Placement placement = quant::Placement::Anchors;  ///< which values are watched
  std::set<ir::NodeId> attentions = {};                    ///< contexts of attentions that are, too
  bool channels = true;  ///< RangeTable::channels too, where the value's INT8 users agree on the axis
  std::function<bool()> should_stop = {};
  const Ranks* ranks = &alone();  ///< share the batches out; the result does not depend on them
};

/// Ranges of everything that quant::values_to_calibrate(graph) names; `executable` runs `graph`. Where the graph fixes its
/// batch size, whole batches are run: a remainder is left out, and at least one batch is run. Throws DataError for an empty
/// data set, for a sample that is not finite, naming its index, and for a value that is not finite or empty, naming it, and
/// ModelError for a value that has another rank than the graph says.
quant::RangeTable calibrate(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                            const CalibrationOptions& options);
/// The same with batches at hand, each with one tensor per graph input; samples and batch_size are not used.
quant::RangeTable calibrate(const ir::Graph& graph, const runtime::Executable& executable,
                            std::span<const std::vector<ir::Tensor>> batches, const CalibrationOptions& options = {});

using StatsTable = std::map<ir::ValueId, Stats>;

/// The pass itself.
StatsTable collect(const ir::Graph& graph, const runtime::Executable& executable, const eval::Dataset& data,
                   const std::vector<quant::Watched>& values, const CalibrationOptions& options);
/// The decision itself.
quant::RangeTable ranges_from(const ir::Graph& graph, const StatsTable& stats, const CalibrationOptions& options);

}  // namespace inc::calib
