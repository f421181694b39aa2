#pragma once
// How far the range methods are from min-max: whether a method did anything at all.
#include <cstdint>
#include <map>

#include "core/quant/scheme.h"

namespace inc::calib {

/// Widths are those of ranges widened to contain 0, as quantization does it, over the width of min-max. A value of zeros
/// only counts as unchanged.
struct RangeDifference {
  std::int64_t values = 0;   ///< in all
  std::int64_t clipped = 0;  ///< with a narrower range than min-max
  double median_width = 1, least_width = 1;
};

/// For every method in the table but min-max. Values without a min-max range are left out.
std::map<quant::RangeMethod, RangeDifference> differences_from_minmax(const quant::RangeTable& table);

}  // namespace inc::calib
