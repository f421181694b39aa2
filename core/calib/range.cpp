#include "core/calib/range.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace inc::calib {

quant::Range range_from(const Stats& stats, quant::RangeMethod method, const RangeOptions&) {
  if (method != quant::RangeMethod::MinMax)
    throw UnsupportedError(fmt::format("range method: {} found, minmax expected", quant::name_of(method)));
  const Extremes& seen = stats.extremes;
  if (seen.count == 0) throw DataError("calibration saw no element: 0 found, at least 1 expected");
  if (seen.not_finite > 0)
    throw DataError(
        fmt::format("calibration saw {} of {} elements that are not finite, 0 expected", seen.not_finite, seen.count));
  return {seen.min, seen.max};
}

}  // namespace inc::calib
