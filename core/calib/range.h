#pragma once
// Ranges as pure functions of statistics.
#include <set>

#include "core/calib/stats.h"
#include "core/quant/scheme.h"

namespace inc::calib {

struct RangeOptions {
  /// percentile: at most (100 - percentile) / 2 percent of the elements are cut off at either end.
  double percentile = 99.999;
  /// moving_average: weight of a batch, while plain averages would give it less.
  double averaging_constant = 0.01;
};

/// What the methods read.
StatsOptions needs(const std::set<quant::RangeMethod>& methods, const RangeOptions& options, int channel_axis);

/// Never wider than min-max, and the whole of it for a constant, a single element, or values of one magnitude.
/// Throws DataError when nothing was observed or something was not finite, InternalError when what the method needs was
/// not collected, ConfigError for options out of range.
///
/// minmax          the extremes
/// moving_average  of the extremes of each batch: plain over the first 1 / averaging_constant batches, exponential after
///                 that (as onnxruntime within and across batches). Depends on the order and size of batches.
/// percentile      borders of the bins that hold the two order statistics; it keeps at least `percentile` percent
/// kl              [-t, t], cut to what occurs, with the threshold t, a bin border, that gives the least divergence of the
///                 255-level histogram from the exact one (S. Migacz, "8-bit inference with TensorRT", 2017); each t that is
///                 tried is a 256th, in whole bins and one at least, less than the one before. What is clipped counts at the
///                 ends; empty bins get a share of 1e-4 of the quantized histogram; zeros are left out, as they are exact in
///                 any case. Ties go to the widest.
/// mse             the bin borders lo ≤ 0 ≤ hi with the least squared error: with s = (hi - lo) / 255 an element counts
///                 the square of its distance from the nearest of lo, 0 and hi where it is beyond lo or hi or nearer than
///                 s / 2, and s² / 12 everywhere else. Ties go to the widest.
quant::Range range_from(const Stats& stats, quant::RangeMethod method, const RangeOptions& options = {});

}  // namespace inc::calib
