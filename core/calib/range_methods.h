#pragma once
// The methods that read the histogram; see range.h. `seen` are the extremes of what is in it, something at least.
#include "core/calib/histogram.h"
#include "core/quant/scheme.h"

namespace inc::calib {

inline constexpr int kLevels = 255;  ///< steps of an 8-bit type

/// Bins [first, last) from the lowest to the highest that are not empty, widened to contain the border at zero.
struct Span {
  int first = Histogram::kSide, last = Histogram::kSide;
};
Span occupied(const Histogram& histogram);
/// Of the bins [first, last), no wider than the extremes.
quant::Range range_of(const Histogram& histogram, const Span& bins, const Extremes& seen);

quant::Range percentile_range(const Histogram& histogram, const Extremes& seen, double percentile);
quant::Range kl_range(const Histogram& histogram, const Extremes& seen);
quant::Range mse_range(const Histogram& histogram, const Extremes& seen);

}  // namespace inc::calib
