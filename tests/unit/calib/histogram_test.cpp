#include "core/calib/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/base/parallel.h"
#include "data.h"

namespace inc::calib {
namespace {

constexpr int kSide = Histogram::kSide;

Histogram of(const std::vector<float>& values) {
  Histogram h;
  const ir::Tensor t = tensor(values);
  h.observe(t, extremes_of(t));
  return h;
}

struct Histograms : ::testing::TestWithParam<Shape> {
  std::vector<float> values = draw(GetParam(), 150'000);
};

TEST_P(Histograms, CountEveryElementInItsBin) {
  const Histogram h = of(values);
  std::vector<std::int64_t> expected(2 * kSide, 0);
  std::int64_t zeros = 0;
  for (const float x : values) {
    const double bin = std::floor(std::fabs(static_cast<double>(x)) / h.width());
    ASSERT_LT(bin, kSide);
    if (x == 0) ++zeros;
    if (x > 0) ++expected[static_cast<std::size_t>(kSide + bin)];
    if (x < 0) ++expected[static_cast<std::size_t>(kSide - 1 - bin)];
  }
  EXPECT_EQ(h.counts(), expected);
  EXPECT_EQ(h.zeros(), zeros);
}

TEST_P(Histograms, UseAtLeastHalfOfTheBinsOfTheLargerSide) {
  const Histogram h = of(values);
  float largest = 0;
  for (const float x : values) largest = std::max(largest, std::fabs(x));
  EXPECT_GE(largest, h.width() * kSide / 2);
}

TEST_P(Histograms, DependNeitherOnOrderNorOnParts) {
  const Histogram whole = of(values);
  std::vector<float> sorted = values;
  std::sort(sorted.begin(), sorted.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  Histogram growing, falling, merged;
  for (std::size_t at = 0; at < sorted.size(); at += 10'000) {
    const ir::Tensor part = tensor(
        {sorted.begin() + static_cast<std::ptrdiff_t>(at), sorted.begin() + static_cast<std::ptrdiff_t>(at + 10'000)});
    growing.observe(part, extremes_of(part));
    Histogram one;
    one.observe(part, extremes_of(part));
    (at / 10'000 % 2 == 0) ? merged.merge(one) : one.merge(merged), merged = at / 10'000 % 2 == 0 ? merged : one;
  }
  std::reverse(sorted.begin(), sorted.end());
  for (std::size_t at = 0; at < sorted.size(); at += 50'000) {
    const ir::Tensor part = tensor(
        {sorted.begin() + static_cast<std::ptrdiff_t>(at), sorted.begin() + static_cast<std::ptrdiff_t>(at + 50'000)});
    falling.observe(part, extremes_of(part));
  }
  EXPECT_EQ(growing, whole);
  EXPECT_EQ(falling, whole);
  EXPECT_EQ(merged, whole);
}

TEST_P(Histograms, DoNotDependOnTheNumberOfThreads) {
  const int before = threads();
  std::vector<Histogram> seen;
  for (const int n : {1, 2, 5}) {
    set_threads(n);
    seen.push_back(of(values));
  }
  set_threads(before);
  EXPECT_EQ(seen[1], seen[0]);
  EXPECT_EQ(seen[2], seen[0]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Histograms, ::testing::ValuesIn(shapes()),
                         [](const auto& test) { return test.param.name; });

TEST(Histogram, KeepsItsSizeWhateverItSees) {
  Histogram h = of({1});
  const std::size_t before = h.counts().capacity();
  for (int i = 0; i < 40; ++i) {
    const ir::Tensor t = tensor(std::vector<float>(1000, std::ldexp(1.0f, 3 * i - 60)));
    h.observe(t, extremes_of(t));
  }
  EXPECT_EQ(h.counts().capacity(), before);
  EXPECT_EQ(std::accumulate(h.counts().begin(), h.counts().end(), std::int64_t{0}), 40'001);
}

TEST(Histogram, PutsBordersIntoTheBinAboveThemAwayFromZero) {
  const Histogram h = of({4096, 2, -2, 1, -1, 0, -0.0f});
  EXPECT_EQ(h.exponent(), 1);
  EXPECT_EQ(h.counts()[kSide + 2048], 1);
  EXPECT_EQ(h.counts()[kSide + 1], 1);
  EXPECT_EQ(h.counts()[kSide - 2], 1);
  EXPECT_EQ(h.counts()[kSide], 1);
  EXPECT_EQ(h.counts()[kSide - 1], 1);
  EXPECT_EQ(h.zeros(), 2);
}

TEST(Histogram, TakesTheSmallestAndTheLargestNumbers) {
  const float largest = std::numeric_limits<float>::max(), least = std::numeric_limits<float>::denorm_min();
  const Histogram wide = of({largest, -largest, least});
  EXPECT_EQ(wide.counts().front(), 1);
  EXPECT_EQ(wide.counts().back(), 1);
  EXPECT_EQ(wide.counts()[kSide], 1);
  const Histogram narrow = of({least, -least});
  EXPECT_EQ(narrow.exponent(), Histogram::kLeastExponent);
  EXPECT_EQ(narrow.counts()[kSide] + narrow.counts()[kSide - 1], 2);
}

TEST(Histogram, IsEmptyBeforeItSeesAnything) {
  Histogram h;
  h.observe(tensor({}), {});
  h.merge({});
  EXPECT_EQ(h, Histogram{});
  h.merge(of({1, 2}));
  EXPECT_EQ(h, of({1, 2}));
}

}  // namespace
}  // namespace inc::calib
