#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/calib/range_methods.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide;

/// Moments of the elements, each at the middle of its bin, in half bins: exact for 10^11 elements.
class Moments {
 public:
  Moments(const Histogram& histogram, int low, int high) : low_(low), sums_(static_cast<std::size_t>(low + high) + 1) {
    for (int b = -low; b < high; ++b) {
      const std::int64_t n = histogram.counts()[static_cast<std::size_t>(kSide + b)], x = 2 * b + 1;
      const Sums& last = at(b);
      sums_[static_cast<std::size_t>(b + low + 1)] = {last.n + n, last.x + n * x, last.xx + n * x * x};
    }
  }
  /// In bins [from, to), none where that is empty.
  double count(int from, int to) const noexcept { return from < to ? static_cast<double>(at(to).n - at(from).n) : 0; }
  double squared_distance(int from, int to, int point) const noexcept {
    if (from >= to) return 0;
    const Sums &a = at(from), &b = at(to);
    const std::int64_t p = 2 * point;
    return static_cast<double>(b.xx - a.xx - 2 * p * (b.x - a.x) + p * p * (b.n - a.n)) / 4;
  }

 private:
  struct Sums {
    std::int64_t n = 0, x = 0, xx = 0;
  };
  const Sums& at(int border) const noexcept { return sums_[static_cast<std::size_t>(border + low_)]; }

  int low_;
  std::vector<Sums> sums_;
};

/// How many middles of bins are nearer than `distance` to a border, on one side.
int middles_within(double distance) noexcept {
  return std::max(0, static_cast<int>(std::ceil(distance - 0.5)));
}

/// The squared error of quantizing to [-low, high] bins, and the search for its minimum.
class SquaredError {
 public:
  SquaredError(const Histogram& histogram, const Span& span)
      : low_(kSide - span.first), high_(span.last - kSide), moments_(histogram, low_, high_) {}

  /// Looks from wide to narrow, and no further than a part of the error alone exceeds the least found so far.
  Span least() {
    for (int half = 0; half < 12; ++half)
      for (int other = 0; other < 12; ++other) take(low_ >> half, high_ >> other);
    for (int low = low_; low >= 0 && below(low) <= least_; --low)
      for (int high = widest(low); high >= 0 && below(low) + above(high) <= least_; --high) take(low, high);
    return best_;
  }

 private:
  double below(int low) const noexcept { return moments_.squared_distance(-low_, -low, -low); }
  double above(int high) const noexcept { return moments_.squared_distance(high, high_, high); }

  double error(int low, int high) const noexcept {
    const double step = static_cast<double>(low + high) / kLevels;
    const int near = middles_within(step / 2);
    const int near_low = std::min(near, low - low / 2), near_high = std::min(near, high - high / 2);
    const int zero_low = std::min(near, low - near_low), zero_high = std::min(near, high - near_high);
    return moments_.squared_distance(-low_, -low + near_low, -low) + moments_.squared_distance(-zero_low, zero_high, 0) +
           moments_.squared_distance(high - near_high, high_, high) +
           step * step / 12 * (moments_.count(-low + near_low, -zero_low) + moments_.count(zero_high, high - near_high));
  }

  /// A part of error(low, high) that grows with `high`: the lesser of x² and s² / 12 where no end is near.
  double rounding(int low, int high) const noexcept {
    const double step = static_cast<double>(low + high) / kLevels;
    const int from = -low + middles_within((low + high_) / (2.0 * kLevels)), to = high - middles_within(step / 2);
    const int small = middles_within(step / std::sqrt(12.0));
    const int zero_from = std::clamp(-small, std::min(from, to), to), zero_to = std::clamp(small, zero_from, to);
    return moments_.squared_distance(zero_from, zero_to, 0) +
           step * step / 12 * (moments_.count(from, zero_from) + moments_.count(zero_to, to));
  }

  int widest(int low) const noexcept {
    if (rounding(low, high_) <= least_) return high_;
    int fits = -1, too_wide = high_;
    while (too_wide - fits > 1) {
      const int middle = (fits + too_wide) / 2;
      (rounding(low, middle) <= least_ ? fits : too_wide) = middle;
    }
    return fits;
  }

  void take(int low, int high) noexcept {
    if (low + high == 0) return;
    const double found = error(low, high);
    if (found > least_ || (found == least_ && low + high <= best_.last - best_.first)) return;
    least_ = found;
    best_ = {kSide - low, kSide + high};
  }

  int low_, high_;
  Moments moments_;
  double least_ = std::numeric_limits<double>::infinity();
  Span best_;
};

}  // namespace

quant::Range mse_range(const Histogram& histogram, const Extremes& seen) {
  const Span whole = occupied(histogram);
  if (whole.last == whole.first) return range_of(histogram, whole, seen);
  return range_of(histogram, SquaredError(histogram, whole).least(), seen);
}

}  // namespace inc::calib
