#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "core/calib/calibrator.h"

namespace inc::calib {
namespace {

ir::Tensor noise(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed);
  ir::Tensor t(DType::Float, {count});
  for (std::int64_t i = 0; i < count; ++i) t.mutable_data<float>()[i] = static_cast<float>(rng.uniform() * 8 - 3);
  return t;
}

Stats stats_of(const std::vector<float>& values) {
  Stats s;
  s.observe(ir::Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values));
  return s;
}

void expect_equal(const Stats& a, const Extremes& b) {
  EXPECT_EQ(a.extremes, b);
}
void expect_equal(const Stats& a, const Stats& b) {
  expect_equal(a, b.extremes);
}

TEST(Stats, AgreeWithAPlainScanForAnySize) {
  for (const std::int64_t count : {1, 2, 7, 8, 31, 65535, 65536, 65537, 200000}) {
    const ir::Tensor t = noise(count, static_cast<std::uint64_t>(count));
    float lo = t.values<float>()[0], hi = lo;
    for (const float x : t.values<float>()) {
      lo = std::min(lo, x);
      hi = std::max(hi, x);
    }
    Stats s;
    s.observe(t);
    expect_equal(s, Extremes{lo, hi, count, 0});
  }
}

TEST(Stats, MergeEqualsObservingEverything) {
  Stats whole, merged;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const ir::Tensor t = noise(100 + static_cast<std::int64_t>(seed), seed);
    whole.observe(t);
    Stats part;
    part.observe(t);
    merged.merge(part);
  }
  expect_equal(merged, whole);
  merged.merge(Stats{});
  expect_equal(merged, whole);
}

TEST(Stats, CountWhatIsNotFiniteAndLeaveItOut) {
  const float inf = std::numeric_limits<float>::infinity();
  expect_equal(stats_of({1, std::nanf(""), -inf, 2, inf}), Extremes{1, 2, 5, 3});
  const Stats none = stats_of({inf, -inf});
  EXPECT_EQ(none.extremes.not_finite, 2);
  Stats later = none;
  later.merge(stats_of({3, 4}));
  expect_equal(later, Extremes{3, 4, 4, 2});
}

TEST(Stats, KeepExtremesAndNegativeRanges) {
  const float max = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  expect_equal(stats_of({-max, max}), Extremes{-max, max, 2, 0});
  expect_equal(stats_of({max}), Extremes{max, max, 1, 0});
  expect_equal(stats_of({-5, -2}), Extremes{-5, -2, 2, 0});
  expect_equal(stats_of({tiny}), Extremes{tiny, tiny, 1, 0});
  expect_equal(stats_of({}), Extremes{0, 0, 0, 0});
}

TEST(Stats, DoNotDependOnTheNumberOfThreads) {
  const ir::Tensor t = noise(1 << 20, 5);
  const int before = threads();
  std::vector<Stats> seen;
  for (const int n : {1, 2, 5}) {
    set_threads(n);
    seen.emplace_back().observe(t);
  }
  set_threads(before);
  expect_equal(seen[1], seen[0]);
  expect_equal(seen[2], seen[0]);
}

}  // namespace
}  // namespace inc::calib
