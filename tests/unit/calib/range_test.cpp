#include "core/calib/range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/calib/range_methods.h"
#include "core/quant/quantize.h"
#include "data.h"

namespace inc::calib {
namespace {

using quant::Range;
using quant::RangeMethod;

constexpr RangeMethod kAll[] = {RangeMethod::MinMax, RangeMethod::MovingAverage, RangeMethod::Percentile, RangeMethod::Kl,
                                RangeMethod::Mse};

/// The same count in every bin of this histogram, as lists of (left border, count), zeros left out.
struct Bins {
  std::vector<double> count;  ///< of the bins [first, last)
  int first = 0, last = 0;    ///< in widths, first ≤ 0 ≤ last
};
Bins bins_of(const Histogram& h) {
  Bins out;
  const auto& counts = h.counts();
  for (int b = 0; b < 2 * Histogram::kSide; ++b) {
    if (counts[static_cast<std::size_t>(b)] == 0) continue;
    out.first = std::min(out.first, b - Histogram::kSide);
    out.last = std::max(out.last, b - Histogram::kSide + 1);
  }
  for (int b = out.first; b < out.last; ++b)
    out.count.push_back(static_cast<double>(counts[static_cast<std::size_t>(b + Histogram::kSide)]));
  return out;
}

/// KL divergence of [lo, hi) of the bins, straight from its definition.
double divergence(const Bins& bins, int lo, int hi) {
  const int n = hi - lo;
  std::vector<double> exact(static_cast<std::size_t>(n), 0.0), inside = exact, quantized = exact;
  double total = 0, kept = 0;
  for (int b = bins.first; b < bins.last; ++b) {
    const double c = bins.count[static_cast<std::size_t>(b - bins.first)];
    exact[static_cast<std::size_t>(std::clamp(b, lo, hi - 1) - lo)] += c;
    total += c;
    if (b < lo || b >= hi) continue;
    inside[static_cast<std::size_t>(b - lo)] = c;
    kept += c;
  }
  for (int level = 0; level < 255; ++level) {
    const int from = level * n / 255, to = (level + 1) * n / 255;
    double sum = 0;
    int filled = 0;
    for (int b = from; b < to; ++b) {
      sum += inside[static_cast<std::size_t>(b)];
      filled += inside[static_cast<std::size_t>(b)] > 0 ? 1 : 0;
    }
    for (int b = from; b < to; ++b) {
      const bool here = inside[static_cast<std::size_t>(b)] > 0;
      quantized[static_cast<std::size_t>(b)] = (here ? (1 - 1e-4) * sum / filled / kept : 0) + 1e-4 / n;
    }
  }
  if (kept == 0) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (std::size_t b = 0; b < exact.size(); ++b)
    if (exact[b] > 0) sum += exact[b] / total * std::log(exact[b] / total / quantized[b]);
  return sum;
}

/// Squared error, in bins, of clipping to [lo, hi) and rounding to 255 steps, among them lo, 0 and hi.
double squared_error(const Bins& bins, int lo, int hi) {
  double sum = 0;
  const double step = (hi - lo) / 255.0;
  for (int b = bins.first; b < bins.last; ++b) {
    const double x = b + 0.5, distance = std::min({std::fabs(x - lo), std::fabs(x), std::fabs(x - hi)});
    const bool near = x < lo || x > hi || distance < step / 2;
    sum += bins.count[static_cast<std::size_t>(b - bins.first)] * (near ? distance * distance : step * step / 12);
  }
  return sum;
}

/// The borders of a range in bins: those of `bins` where it is not clipped.
std::pair<int, int> borders(const Range& range, const Stats& stats, const Bins& bins) {
  const double w = stats.histogram->width();
  return {range.lo == stats.extremes.min ? bins.first : static_cast<int>(std::lround(range.lo / w)),
          range.hi == stats.extremes.max ? bins.last : static_cast<int>(std::lround(range.hi / w))};
}

struct Ranges : ::testing::TestWithParam<Shape> {
  std::vector<float> values = draw(GetParam(), 60'000);
  Stats stats = stats_of(values);
  Bins bins = bins_of(*stats.histogram);
};

TEST_P(Ranges, OfPercentileHoldTheOrderStatisticsToABin) {
  std::sort(values.begin(), values.end());
  for (const double percentile : {50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0}) {
    const Range range = range_from(stats, RangeMethod::Percentile, {.percentile = percentile});
    const auto cut = static_cast<std::size_t>(static_cast<double>(values.size()) * (100 - percentile) / 200);
    const double low = values[cut], high = values[values.size() - 1 - cut], w = stats.histogram->width();
    EXPECT_LE(range.lo, low);
    EXPECT_GT(range.lo, low - 1.001 * w);
    EXPECT_GE(range.hi, high);
    EXPECT_LT(range.hi, high + 1.001 * w);
  }
}

TEST_P(Ranges, OfKlAreTheBestOfAllThresholds) {
  const auto [lo, hi] = borders(range_from(stats, RangeMethod::Kl), stats, bins);
  const double found = divergence(bins, lo, hi), rounding = 1e-9;
  int tried = 0;
  for (int t = std::max(-bins.first, bins.last); t > 0; t -= std::max(1, t / 256)) {
    const int from = std::max(bins.first, -t), to = std::min(bins.last, t);
    if (to - from < 255) break;
    ++tried;
    ASSERT_LE(found, divergence(bins, from, to) + rounding) << "threshold " << t << ", chosen [" << lo << ", " << hi << ")";
  }
  EXPECT_GT(tried, 400);
}

TEST_P(Ranges, OfMseAreTheBestOfAllPairsOfBorders) {
  const auto [lo, hi] = borders(range_from(stats, RangeMethod::Mse), stats, bins);
  const double found = squared_error(bins, lo, hi), rounding = 1e-9 * found;
  Rng rng(3);
  const auto pick = [&](int from, int to) {
    return from + static_cast<int>(rng.below(static_cast<std::uint64_t>(to - from + 1)));
  };
  for (int trial = 0; trial < 6000; ++trial) {
    int a = pick(bins.first, 0), b = pick(0, bins.last);
    if (trial % 3 == 1) a = std::clamp(lo + pick(-40, 40), bins.first, 0);
    if (trial % 3 != 0) b = std::clamp(hi + pick(-40, 40), 0, bins.last);
    if (b <= a) continue;
    ASSERT_GE(squared_error(bins, a, b) + rounding, found)
        << "[" << a << ", " << b << ") against [" << lo << ", " << hi << ")";
  }
}

double error_of(const std::vector<float>& values, const Range& range) {
  const auto qparams = quant::qparams_from_range(range, quant::default_activation_scheme());
  const ir::Tensor x = tensor(values), y = quant::dequantize(quant::quantize(x, qparams), qparams);
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += std::pow(static_cast<double>(values[i]) - y.values<float>()[i], 2);
  return sum;
}

TEST_P(Ranges, OfMseQuantizeNoWorseThanOthers) {
  const double mse = error_of(values, range_from(stats, RangeMethod::Mse));
  for (const RangeMethod method : kAll)
    EXPECT_LE(mse, 1.02 * error_of(values, range_from(stats, method))) << quant::name_of(method);
}

TEST_P(Ranges, StayWithinMinMaxAndClipAsTheirMethodSays) {
  const Range whole{stats.extremes.min, stats.extremes.max};
  EXPECT_EQ(range_from(stats, RangeMethod::MinMax), whole);
  EXPECT_EQ(range_from(stats, RangeMethod::MovingAverage), whole);
  for (const RangeMethod method : kAll) {
    const Range range = range_from(stats, method);
    EXPECT_GE(range.lo, whole.lo) << quant::name_of(method);
    EXPECT_LE(range.hi, whole.hi) << quant::name_of(method);
    EXPECT_LE(range.lo, range.hi) << quant::name_of(method);
  }
  const Range kept = range_from(stats, RangeMethod::Percentile, {.percentile = 99});
  const auto inside = std::count_if(values.begin(), values.end(), [&](float x) { return x >= kept.lo && x <= kept.hi; });
  EXPECT_GE(static_cast<double>(inside), 0.99 * static_cast<double>(values.size()));
}

TEST_P(Ranges, GrowWithTheData) {
  for (const RangeMethod method : kAll) {
    std::vector<float> twice = values;
    for (float& x : twice) x *= 2;
    const Range once = range_from(stats, method), doubled = range_from(stats_of(twice), method);
    EXPECT_EQ(doubled, (Range{2 * once.lo, 2 * once.hi})) << quant::name_of(method);
  }
  double before = 0;
  for (const double percentile : {50.0, 90.0, 99.0, 99.9, 100.0}) {
    const Range range = range_from(stats, RangeMethod::Percentile, {.percentile = percentile});
    EXPECT_GE(range.hi - range.lo, before);
    before = range.hi - range.lo;
  }
}

TEST_P(Ranges, MirrorTheirData) {
  std::vector<float> mirrored = values;
  for (float& x : mirrored) x = -x;
  for (const RangeMethod method : kAll) {
    const Range range = range_from(stats, method), other = range_from(stats_of(mirrored), method);
    if (method == RangeMethod::Kl) continue;  // levels are laid out from the low end
    EXPECT_EQ(other, (Range{-range.hi, -range.lo})) << quant::name_of(method);
  }
}

TEST_P(Ranges, OfMergedPartsAreThoseOfTheWhole) {
  const auto middle = values.begin() + 20'000;
  Stats left = stats_of({values.begin(), middle}), whole = left;
  left.merge(stats_of({middle, values.end()}));
  whole.observe(tensor({middle, values.end()}));
  for (const RangeMethod method : kAll)
    EXPECT_EQ(range_from(left, method), range_from(whole, method)) << quant::name_of(method);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Ranges, ::testing::ValuesIn(shapes()), [](const auto& test) { return test.param.name; });

struct EveryMethod : ::testing::TestWithParam<RangeMethod> {};

TEST_P(EveryMethod, KeepsTheWholeOfWhatHasNothingToClip) {
  const float tiny = std::numeric_limits<float>::denorm_min(), large = std::numeric_limits<float>::max();
  std::vector<float> one_hot(1000, 0.0f);
  one_hot[7] = 1;
  for (const std::vector<float>& values : {std::vector<float>{3},
                                           {-3},
                                           {0},
                                           {0, 0, 0},
                                           {5, 5, 5, 5},
                                           {-1, 1},
                                           one_hot,
                                           {tiny},
                                           {tiny, -tiny},
                                           {-large, large},
                                           {0, -2, 0},
                                           {0.25f, 0.5f, 0.75f}}) {
    const Stats stats = stats_of(values);
    EXPECT_EQ(range_from(stats, GetParam()), (Range{stats.extremes.min, stats.extremes.max}))
        << ::testing::PrintToString(std::vector<float>(
               values.begin(), values.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(values.size(), 8))));
  }
}

TEST_P(EveryMethod, RefusesWhatIsEmptyOrNotFinite) {
  EXPECT_THROW(range_from(Stats(kEverything), GetParam()), DataError);
  EXPECT_THROW(range_from(stats_of({}), GetParam()), DataError);
  EXPECT_THROW(range_from(stats_of({1, std::nanf("")}), GetParam()), DataError);
  EXPECT_THROW(range_from(stats_of({std::numeric_limits<float>::infinity()}), GetParam()), DataError);
}

TEST_P(EveryMethod, CollectsWhatItReads) {
  Stats stats(needs({GetParam()}, {}, -1));
  stats.observe(tensor({-1, 2}));
  EXPECT_EQ(range_from(stats, GetParam()), (Range{-1, 2}));
  EXPECT_EQ(stats.histogram.has_value(), GetParam() >= RangeMethod::Percentile);
  EXPECT_EQ(stats.average.has_value(), GetParam() == RangeMethod::MovingAverage);
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod, ::testing::ValuesIn(kAll),
                         [](const auto& test) { return std::string(quant::name_of(test.param)); });

TEST(RangeFrom, RefusesOptionsOutOfRangeAndStatisticsNotCollected) {
  const Stats stats = stats_of({1, 2});
  EXPECT_THROW(range_from(stats, RangeMethod::Percentile, {.percentile = 0}), ConfigError);
  EXPECT_THROW(range_from(stats, RangeMethod::Percentile, {.percentile = 101}), ConfigError);
  EXPECT_THROW(range_from(stats, RangeMethod::MinMax, {.averaging_constant = 0}), ConfigError);
  EXPECT_THROW(range_from(Stats(StatsOptions{}), RangeMethod::Kl), DataError);
  Stats plain{StatsOptions{}};
  plain.observe(tensor({1}));
  EXPECT_THROW(range_from(plain, RangeMethod::Kl), InternalError);
}

TEST(RangeFrom, MseClipsANormalDistributionWhereTheoryDoes) {
  const Stats stats = stats_of(draw(shapes()[0], 2'000'000));
  const Range range = range_from(stats, RangeMethod::Mse);
  EXPECT_NEAR(range.hi, 3.9, 0.15);  // Banner et al., "Post training 4-bit quantization of convolutional networks", 2019
  EXPECT_NEAR(range.lo, -3.9, 0.15);
}

TEST(RangeFrom, KlAndMseClipFarOutliersOnTheSideTheyAreOn) {
  std::vector<float> values = draw(shapes()[0], 500'000);
  values.push_back(80);
  const Stats stats = stats_of(values);
  for (const RangeMethod method : {RangeMethod::Kl, RangeMethod::Mse, RangeMethod::Percentile}) {
    const Range range = range_from(stats, method);
    EXPECT_LT(range.hi, 70) << quant::name_of(method);
    EXPECT_LT(range.lo, -3) << quant::name_of(method);
  }
}

TEST(MovingAverage, IsPlainFirstAndExponentialLater) {
  Stats stats(StatsOptions{.averaging_constant = 0.25});
  for (const float high : {4.0f, 8.0f, 0.0f, 12.0f}) stats.observe(tensor({-high, high}));
  EXPECT_EQ(range_from(stats, RangeMethod::MovingAverage), (Range{-6, 6}));
  stats.observe(tensor({-2, 2}));
  EXPECT_EQ(range_from(stats, RangeMethod::MovingAverage), (Range{-5, 5}));
}

TEST(MovingAverage, SkipsEmptyBatches) {
  Stats stats(kEverything);
  stats.observe(tensor({2, 4}));
  stats.observe(tensor({}));
  EXPECT_EQ(range_from(stats, RangeMethod::MovingAverage), (Range{2, 4}));
}

}  // namespace
}  // namespace inc::calib
