#pragma once
// Ranges as pure functions of statistics.
#include "core/calib/stats.h"
#include "core/quant/scheme.h"

namespace inc::calib {

struct RangeOptions {};

/// Throws DataError when nothing was observed or something was not finite, UnsupportedError for a method other than MinMax.
quant::Range range_from(const Stats& stats, quant::RangeMethod method, const RangeOptions& options = {});

}  // namespace inc::calib
