#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/calib/range_methods.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide;
constexpr double kEmptyShare = 1e-4, kRounding = 1e-9;
/// A threshold is this part less than the one before.
constexpr int kFinest = 256;

double x_log_x(double x) noexcept {
  return x > 0 ? x * std::log(x) : 0;
}

/// Most bins hold few.
double x_log_x(std::int64_t count) {
  constexpr std::int64_t kFew = 1024;
  static const std::vector<double> few = [] {
    std::vector<double> values;
    for (std::int64_t n = 0; n < kFew; ++n) values.push_back(x_log_x(static_cast<double>(n)));
    return values;
  }();
  return count < kFew ? few[static_cast<std::size_t>(count)] : x_log_x(static_cast<double>(count));
}

/// Kullback-Leibler divergence of the quantized histogram of an interval from the exact one, interval by interval in
/// O(levels): within a level, bins that are not empty share what falls into it, so that sums over its bins are differences
/// of running sums.
class Divergence {
 public:
  explicit Divergence(const std::vector<std::int64_t>& counts)
      : counts_(counts), mass_(counts.size() + 1), filled_(counts.size() + 1), entropy_(counts.size() + 1) {
    for (std::size_t b = 0; b < counts.size(); ++b) {
      mass_[b + 1] = mass_[b] + static_cast<double>(counts[b]);
      filled_[b + 1] = filled_[b] + (counts[b] > 0 ? 1 : 0);
      entropy_[b + 1] = entropy_[b] + x_log_x(counts[b]);
    }
  }

  /// No more than of(span), in O(1): the divergence of the two outermost bins, which take what lies outside, and of all
  /// others as one; merging parts never makes them more unlike.
  double least_of(const Span& span) const noexcept {
    const int bins = span.last - span.first;
    const double total = mass_.back(), inside = mass(span.first, span.last);
    if (inside <= 0) return std::numeric_limits<double>::infinity();
    const double low = mass(0, span.first + 1) / total, high = 1 - mass(0, span.last - 1) / total;
    const double q_low = share_of_bin(span.first, span.first, span.first + bins / kLevels, inside, bins),
                 q_high = share_of_bin(span.last - 1, span.first + (kLevels - 1) * bins / kLevels, span.last, inside, bins);
    return part(low, q_low) + part(high, q_high) + part(1 - low - high, 1 - q_low - q_high) - kRounding;
  }

  /// Infinite where nothing lies inside.
  double of(const Span& span) const noexcept {
    const int bins = span.last - span.first;
    const double total = mass_.back(), inside = mass(span.first, span.last);
    if (inside <= 0) return std::numeric_limits<double>::infinity();
    const double below = mass(0, span.first), above = total - mass(0, span.last);
    const double first = count(span.first), last = count(span.last - 1), share = kEmptyShare / bins;
    double exact = entropy_[index(span.last)] - entropy_[index(span.first)];
    exact += x_log_x(first + below) - x_log_x(first) + x_log_x(last + above) - x_log_x(last);
    double quantized = 0;
    for (int level = 0, from = span.first; level < kLevels; ++level) {
      const int to = span.first + (level + 1) * bins / kLevels;
      const double here = mass(from, to);
      const int filled = filled_[index(to)] - filled_[index(from)];
      if (filled > 0) {
        const double outside = (level == 0 && first > 0 ? below : 0) + (level == kLevels - 1 && last > 0 ? above : 0);
        quantized += (here + outside) * std::log((1 - kEmptyShare) * here / (filled * inside) + share);
      }
      from = to;
    }
    quantized += ((first > 0 ? 0 : below) + (last > 0 ? 0 : above)) * std::log(share);
    return (exact - quantized) / total - std::log(total);
  }

 private:
  static double part(double p, double q) noexcept { return p > 0 ? p * std::log(p / q) : 0; }
  /// Of one bin of the level [from, to), quantized.
  double share_of_bin(int bin, int from, int to, double inside, int bins) const noexcept {
    const double share = kEmptyShare / bins;
    if (count(bin) <= 0) return share;
    return (1 - kEmptyShare) * mass(from, to) / ((filled_[index(to)] - filled_[index(from)]) * inside) + share;
  }
  static std::size_t index(int b) noexcept { return static_cast<std::size_t>(b); }
  double count(int b) const noexcept { return static_cast<double>(counts_[index(b)]); }
  double mass(int from, int to) const noexcept { return mass_[index(to)] - mass_[index(from)]; }

  const std::vector<std::int64_t>& counts_;
  std::vector<double> mass_;
  std::vector<std::int32_t> filled_;
  std::vector<double> entropy_;
};

}  // namespace

quant::Range kl_range(const Histogram& histogram, const Extremes& seen) {
  const Span whole = occupied(histogram);
  Span best = whole;
  const Divergence divergence(histogram.counts());
  double least = std::numeric_limits<double>::infinity();
  for (int t = std::max(kSide - whole.first, whole.last - kSide); t > 0; t -= std::max(1, t / kFinest)) {
    const Span span{std::max(whole.first, kSide - t), std::min(whole.last, kSide + t)};
    if (span.last - span.first < kLevels) break;
    if (divergence.least_of(span) >= least) continue;
    const double found = divergence.of(span);
    if (found >= least) continue;
    least = found;
    best = span;
  }
  return range_of(histogram, best, seen);
}

}  // namespace inc::calib
