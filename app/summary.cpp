#include "app/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/tuning/latency.h"

namespace inc::app {

Interval median_interval(std::vector<double> samples, double confidence) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<double>(samples.size());
  const auto probability = [&](double k) {
    return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
  };
  double tail = probability(0);
  std::size_t rank = 0;
  for (; 2 * (rank + 1) < samples.size(); ++rank) {
    const double more = tail + probability(static_cast<double>(rank + 1));
    if (2 * more > 1 - confidence) break;
    tail = more;
  }
  return {samples[rank], samples[samples.size() - 1 - rank], samples.size() == 1 ? 0 : 1 - 2 * tail};
}

Summary summarize(const std::vector<double>& samples) {
  if (samples.empty()) return {};
  const auto at = [&](double p) { return tuning::percentile(samples, p); };
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  return {mean, at(0.5), at(0.9), at(0.99), at(0), median_interval(samples)};
}

Ratio ratio(std::span<const double> samples, std::span<const double> base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(samples.size(), base.size()); ++i) ratios.push_back(samples[i] / base[i]);
  if (ratios.empty()) return {};
  return {tuning::percentile(ratios, 0.5), median_interval(ratios)};
}

}  // namespace inc::app
