#include "app/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/rng.h"

namespace inc::app {
namespace {

std::vector<double> count_to(int n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

// Ranks from the published tables of the sign test: n = 6: 1..6, n = 10: 2..9, n = 20: 6..15, n = 100: 40..61.
TEST(MedianInterval, HasTheTabulatedRanks) {
  const std::pair<int, std::pair<double, double>> rows[] = {{6, {1, 6}}, {10, {2, 9}}, {20, {6, 15}}, {100, {40, 61}}};
  for (const auto& [n, ranks] : rows) {
    const Interval i = median_interval(count_to(n));
    EXPECT_EQ(std::pair(i.low, i.high), ranks) << n;
    EXPECT_GE(i.confidence, 0.95) << n;
    EXPECT_LT(i.confidence, 0.98) << n;
  }
}

TEST(MedianInterval, SaysHowFarFewSamplesReach) {
  const Interval five = median_interval(count_to(5));
  EXPECT_EQ(five.low, 1);
  EXPECT_EQ(five.high, 5);
  EXPECT_DOUBLE_EQ(five.confidence, 1 - 2.0 / 32);
  EXPECT_EQ(median_interval({3}).confidence, 0);
  EXPECT_EQ(median_interval({}).confidence, 0);
}

TEST(MedianInterval, DoesNotDependOnTheOrderAndSurvivesManySamples) {
  std::vector<double> values = count_to(20000);
  const Interval sorted = median_interval(values);
  std::reverse(values.begin(), values.end());
  EXPECT_EQ(median_interval(values).low, sorted.low);
  EXPECT_NEAR(sorted.low, 10000 - 1.96 * std::sqrt(20000) / 2, 2);  // the normal approximation of the rank
}

TEST(MedianInterval, HoldsTheMedianAsOftenAsItSays) {
  Rng rng(7);
  int held = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<double> samples(15);
    for (double& s : samples) s = rng.uniform();
    const Interval i = median_interval(samples);
    held += i.low <= 0.5 && 0.5 <= i.high;
  }
  EXPECT_GT(held, 0.95 * 2000);  // ranks 4 to 12 of 15 hold it with probability 0.965; the seed is fixed
}

TEST(RatioOfRounds, ComparesWithinRounds) {
  const std::vector<double> base{1, 10, 100, 1000, 10, 1}, other{2, 20, 200, 2000, 20, 2};
  const Ratio r = ratio(other, base);
  EXPECT_DOUBLE_EQ(r.value, 2);
  EXPECT_DOUBLE_EQ(r.interval.low, 2);
  EXPECT_DOUBLE_EQ(r.interval.high, 2);
}

}  // namespace
}  // namespace inc::app
