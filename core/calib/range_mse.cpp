#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/calib/range_methods.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide;
constexpr double kRounding = 1e-12;

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
  double distance(int from, int to, int point) const noexcept {
    if (from >= to) return 0;
    const Sums &a = at(from), &b = at(to);
    return std::fabs(static_cast<double>(b.x - a.x - std::int64_t{2} * point * (b.n - a.n))) / 2;
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

  /// Branch and bound: first close to the minimum, so that few boxes of borders can hold a lesser error.
  Span least() {
    for (int half = 0; half < 12; ++half)
      for (int other = 0; other < 12; ++other) take(low_ >> half, high_ >> other);
    for (int stride = (low_ + high_) / 16; stride > 0; stride /= 2) descend(stride);
    search({0, low_, 0, high_});
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

  /// Borders low and high, both ends included.
  struct Box {
    int low_from, low_to, high_from, high_to;
  };

  /// Whether no error in the box can be as little as the least one. Where no end can be near, an element costs x² or
  /// s² / 12: the former in the cell of zero of all borders, the latter beyond that of the widest, at least the latter of
  /// the narrowest between. With what is clipped that is convex in the borders, so that no tangent lies above it.
  bool hopeless(const Box& box) const noexcept {
    const double narrow = static_cast<double>(box.low_from + box.high_from) / kLevels,
                 wide = static_cast<double>(box.low_to + box.high_to) / kLevels;
    const int near = middles_within(wide / 2), always = middles_within(narrow / 2);
    const int from = std::min(0, near - box.low_from), to = std::max(0, box.high_from - near);
    const int zero_from = std::max(-always, from), zero_to = std::min(always, to);
    const int band_from = std::max(-near, from), band_to = std::min(near, to);
    const double beyond = moments_.count(from, band_from) + moments_.count(band_to, to);
    const double fixed = moments_.squared_distance(zero_from, zero_to, 0) +
                         narrow * narrow / 12 * (moments_.count(band_from, zero_from) + moments_.count(zero_to, band_to));
    if (fixed + below(box.low_to) + above(box.high_to) + narrow * narrow / 12 * beyond > (1 + kRounding) * least_)
      return true;
    const int low = (box.low_from + box.low_to) / 2, high = (box.high_from + box.high_to) / 2;
    const double step = static_cast<double>(low + high) / kLevels, per_border = step / 6 / kLevels * beyond;
    const double here = fixed + below(low) + above(high) + step * step / 12 * beyond;
    const double most =
        descent(per_border - 2 * moments_.distance(-low_, -low, -low), low - box.low_from, box.low_to - low) +
        descent(per_border - 2 * moments_.distance(high, high_, high), high - box.high_from, box.high_to - high);
    return here - most > least_ + kRounding * (here + most);
  }

  /// How far a line falls within so much to either side.
  static double descent(double slope, int down, int up) noexcept { return slope > 0 ? slope * down : -slope * up; }

  void search(const Box& box) noexcept {
    if (hopeless(box)) return;
    const int low = box.low_to - box.low_from, high = box.high_to - box.high_from;
    if (low == 0 && high == 0) return take(box.low_from, box.high_from);
    if (low > high) {
      const int middle = box.low_from + low / 2;
      search({middle + 1, box.low_to, box.high_from, box.high_to});
      search({box.low_from, middle, box.high_from, box.high_to});
    } else {
      const int middle = box.high_from + high / 2;
      search({box.low_from, box.low_to, middle + 1, box.high_to});
      search({box.low_from, box.low_to, box.high_from, middle});
    }
  }

  void descend(int stride) noexcept {
    for (double before = -1; before != least_;) {
      before = least_;
      const int low = kSide - best_.first, high = best_.last - kSide;
      for (const auto& [a, b] : {std::pair{low - stride, high}, std::pair{low + stride, high}, std::pair{low, high - stride},
                                 std::pair{low, high + stride}})
        if (a >= 0 && a <= low_ && b >= 0 && b <= high_) take(a, b);
    }
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
