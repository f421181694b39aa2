#include "core/calib/range.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/calib/range_methods.h"

namespace inc::calib {
namespace {

using quant::Range;
using quant::RangeMethod;

struct Method {
  RangeMethod name;
  bool histogram, average;
  Range (*range)(const Stats&, const RangeOptions&);
};

constexpr Method kMethods[] = {
    {RangeMethod::MinMax, false, false,
     [](const Stats& s, const RangeOptions&) {
       return Range{s.extremes.min, s.extremes.max};
     }},
    {RangeMethod::MovingAverage, false, true, [](const Stats& s, const RangeOptions&) { return s.average->range(); }},
    {RangeMethod::Percentile, true, false,
     [](const Stats& s, const RangeOptions& o) { return percentile_range(*s.histogram, s.extremes, o.percentile); }},
    {RangeMethod::Kl, true, false, [](const Stats& s, const RangeOptions&) { return kl_range(*s.histogram, s.extremes); }},
    {RangeMethod::Mse, true, false, [](const Stats& s, const RangeOptions&) { return mse_range(*s.histogram, s.extremes); }},
};

const Method& method_of(RangeMethod name) {
  const auto* row = std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Method& m) { return m.name == name; });
  INC_CHECK(row != std::end(kMethods), "every range method has a row");
  return *row;
}

void check(const RangeOptions& options) {
  if (!(options.percentile > 0 && options.percentile <= 100))
    throw ConfigError(fmt::format("percentile: {} found, a number above 0 and at most 100 expected", options.percentile));
  if (!(options.averaging_constant > 0 && options.averaging_constant <= 1))
    throw ConfigError(
        fmt::format("averaging constant: {} found, a number above 0 and at most 1 expected", options.averaging_constant));
}

}  // namespace

StatsOptions needs(const std::set<RangeMethod>& methods, const RangeOptions& options, int channel_axis) {
  check(options);
  StatsOptions out{channel_axis, false, 0};
  for (const RangeMethod name : methods) {
    const Method& method = method_of(name);
    out.histogram = out.histogram || method.histogram;
    if (method.average) out.averaging_constant = options.averaging_constant;
  }
  return out;
}

Range range_from(const Stats& stats, RangeMethod method, const RangeOptions& options) {
  check(options);
  const Method& row = method_of(method);
  const Extremes& seen = stats.extremes;
  if (seen.count == 0) throw DataError("calibration saw no element: 0 found, at least 1 expected");
  if (seen.not_finite > 0)
    throw DataError(
        fmt::format("calibration saw {} of {} elements that are not finite, 0 expected", seen.not_finite, seen.count));
  INC_CHECK((!row.histogram || stats.histogram) && (!row.average || stats.average), "the method's statistics exist");
  return row.range(stats, options);
}

}  // namespace inc::calib
