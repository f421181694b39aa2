#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/calib/calibrator.h"

namespace inc::calib {
namespace {

constexpr std::int64_t kBlock = 1 << 16;
constexpr float kLargest = std::numeric_limits<float>::max();

Stats stats_of(const float* x, std::int64_t count) noexcept {
  float lo = kLargest, hi = -kLargest;
  std::int32_t finite_count = 0;
#pragma omp simd reduction(min : lo) reduction(max : hi) reduction(+ : finite_count)
  for (std::int64_t i = 0; i < count; ++i) {
    const bool finite = std::fabs(x[i]) <= kLargest;
    const float low = finite ? x[i] : kLargest, high = finite ? x[i] : -kLargest;
    lo = low < lo ? low : lo;
    hi = high > hi ? high : hi;
    finite_count += finite ? 1 : 0;
  }
  if (finite_count == 0) lo = hi = 0;
  return {lo, hi, count, count - finite_count};
}

}  // namespace

void Stats::observe(const ir::Tensor& tensor) {
  const float* x = tensor.data<float>();
  const std::int64_t elements = tensor.count(), blocks = (elements + kBlock - 1) / kBlock;
  std::vector<Stats> parts(static_cast<std::size_t>(blocks));
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b)
      parts[static_cast<std::size_t>(b)] = stats_of(x + b * kBlock, std::min(kBlock, elements - b * kBlock));
  });
  for (const Stats& part : parts) merge(part);
}

void Stats::merge(const Stats& other) {
  const bool had = count > not_finite, has = other.count > other.not_finite;
  if (has) {
    min = had ? std::min(min, other.min) : other.min;
    max = had ? std::max(max, other.max) : other.max;
  }
  count += other.count;
  not_finite += other.not_finite;
}

quant::Range range_from(const Stats& stats, quant::RangeMethod method) {
  if (method != quant::RangeMethod::MinMax)
    throw UnsupportedError(fmt::format("range method: {} found, minmax expected", quant::name_of(method)));
  if (stats.count == 0) throw DataError("calibration saw no element: 0 found, at least 1 expected");
  if (stats.not_finite > 0)
    throw DataError(
        fmt::format("calibration saw {} of {} elements that are not finite, 0 expected", stats.not_finite, stats.count));
  return {stats.min, stats.max};
}

quant::RangeTable ranges_from(const StatsTable& stats, const std::set<quant::RangeMethod>& methods) {
  quant::RangeTable table;
  for (const auto& [value, seen] : stats)
    for (const quant::RangeMethod method : methods)
      table.tensor[{value, method}] =
          with_context([&] { return fmt::format("for value {} with method {}", value.v, quant::name_of(method)); },
                       [&] { return range_from(seen, method); });
  return table;
}

}  // namespace inc::calib
