#include <algorithm>
#include <cmath>

#include "core/calib/range_methods.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide;

/// The first bin, in the given direction, up to whose end more than `cut` elements lie. Zeros lie between the sides: where
/// they are reached first, it is the bin behind them, whose near border is zero.
int bin_after(const Histogram& histogram, std::int64_t cut, int start, int step) {
  std::int64_t passed = 0;
  for (int b = start; b >= 0 && b < 2 * kSide; b += step) {
    const bool crosses_zero = b == (step > 0 ? kSide : kSide - 1);
    if (crosses_zero && (passed += histogram.zeros()) > cut) return b;
    passed += histogram.counts()[static_cast<std::size_t>(b)];
    if (passed > cut) return b;
  }
  return kSide;
}

}  // namespace

Span occupied(const Histogram& histogram) {
  Span span;
  const auto& counts = histogram.counts();
  for (int b = 0; b < kSide && span.first == kSide; ++b)
    if (counts[static_cast<std::size_t>(b)] > 0) span.first = b;
  for (int b = 2 * kSide; b > kSide && span.last == kSide; --b)
    if (counts[static_cast<std::size_t>(b - 1)] > 0) span.last = b;
  return span;
}

quant::Range range_of(const Histogram& histogram, const Span& bins, const Extremes& seen) {
  const double w = histogram.width();
  return {static_cast<float>(std::clamp((bins.first - kSide) * w, double{seen.min}, double{seen.max})),
          static_cast<float>(std::clamp((bins.last - kSide) * w, double{seen.min}, double{seen.max}))};
}

quant::Range percentile_range(const Histogram& histogram, const Extremes& seen, double percentile) {
  const auto cut = static_cast<std::int64_t>(std::floor(static_cast<double>(seen.count) * (100 - percentile) / 200));
  const int low = bin_after(histogram, cut, 0, 1), high = bin_after(histogram, cut, 2 * kSide - 1, -1);
  return range_of(histogram, {low, high + 1}, seen);
}

}  // namespace inc::calib
