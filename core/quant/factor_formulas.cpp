#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/quant/factors.h"

namespace inc::quant {
namespace {

struct Zeros {
  int smallest, largest, first, last;  ///< levels, and the zero points to try
};

Zeros zeros_of(const Scheme& scheme) {
  const int low = scheme.dtype == DType::UInt8 ? 0 : -128, high = low + 255;
  if (scheme.symmetry == Symmetry::Asymmetric) return {low, high, low, high};
  return {low + 1, high, low + 128, low + 128};
}

/// nullopt where the zero point leaves no level on a side that is needed.
std::optional<double> step_of(const Range& r, int zero, const Zeros& zeros) {
  const double below = -static_cast<double>(r.lo), above = static_cast<double>(r.hi);
  if ((below > 0 && zero == zeros.smallest) || (above > 0 && zero == zeros.largest)) return std::nullopt;
  return std::max(below > 0 ? below / (zero - zeros.smallest) : 0.0, above > 0 ? above / (zeros.largest - zero) : 0.0);
}

}  // namespace

ChannelSteps per_channel_steps(const std::vector<Range>& intervals, const std::vector<double>& energy,
                               const Scheme& scheme) {
  const Zeros zeros = zeros_of(scheme);
  double least = std::numeric_limits<double>::infinity();
  std::vector<double> steps(intervals.size(), 0.0);
  int best = zeros.first;
  for (int zero = zeros.first; zero <= zeros.last; ++zero) {
    std::vector<double> trial;
    double sum = 0;
    for (std::size_t c = 0; c < intervals.size(); ++c) {
      const auto step = step_of(intervals[c], zero, zeros);
      if (!step) break;
      trial.push_back(*step);
      sum += *step * *step * energy[c];
    }
    if (trial.size() != intervals.size() || !(sum < least)) continue;
    least = sum;
    steps = std::move(trial);
    best = zero;
  }
  const double largest = steps.empty() ? 0.0 : *std::max_element(steps.begin(), steps.end());
  ChannelSteps out{{}, {scheme.dtype, {1.0f}, {best}, -1}};
  if (largest == 0) return out;
  for (const double s : steps) out.factor.push_back(s > 0 ? static_cast<float>(std::max(s / largest, kLeastFactor)) : 1.0f);
  constexpr double kLeast = std::numeric_limits<float>::min(), kMost = std::numeric_limits<float>::max();
  out.qparams.scale[0] = static_cast<float>(std::clamp(largest, kLeast, kMost / 256));
  return out;
}

std::vector<float> smoothing_factors(const std::vector<double>& largest_x, const std::vector<double>& largest_w,
                                     float alpha) {
  double widest = 0, smallest = std::numeric_limits<double>::infinity();
  for (const double x : largest_x) widest = std::max(widest, x);
  for (const double w : largest_w)
    if (w > 0) smallest = std::min(smallest, w);
  if (widest == 0 || std::isinf(smallest)) return std::vector<float>(largest_x.size(), 1.0f);
  std::vector<double> factor;
  for (std::size_t c = 0; c < largest_x.size(); ++c)
    factor.push_back(std::pow(largest_x[c] > 0 ? largest_x[c] : widest, static_cast<double>(alpha)) /
                     std::pow(largest_w[c] > 0 ? largest_w[c] : smallest, 1 - static_cast<double>(alpha)));
  const double largest = *std::max_element(factor.begin(), factor.end());
  std::vector<float> out;
  for (const double f : factor) out.push_back(static_cast<float>(std::max(f / largest, kLeastFactor)));
  return out;
}

}  // namespace inc::quant
