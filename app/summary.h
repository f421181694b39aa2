#pragma once
// Figures of a series of timings.
#include <span>
#include <vector>

namespace inc::app {

struct Interval {
  double low = 0, high = 0;
  double confidence = 0;  ///< the probability that it holds the true value
};

/// Of the median of the distribution the samples come from, without assumptions about it: two order statistics, chosen by
/// the binomial distribution (e.g. Conover, Practical Nonparametric Statistics, 3.2) to hold it with at least the wanted
/// confidence. Fewer than six samples cannot reach 95 %: then the smallest and the largest, and what they reach.
/// All zero without samples.
Interval median_interval(std::vector<double> samples, double confidence = 0.95);

struct Summary {
  double mean = 0, p50 = 0, p90 = 0, p99 = 0, min = 0;
  Interval p50_interval;
};
Summary summarize(const std::vector<double>& samples);

/// How much longer `samples` take than `base` took in the same round: the median over rounds, and its interval.
struct Ratio {
  double value = 1;
  Interval interval;
};
Ratio ratio(std::span<const double> samples, std::span<const double> base);

}  // namespace inc::app
