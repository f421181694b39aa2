#include "core/quant/factors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/quant/predict.h"
#include "core/quant/quantize.h"
#include "tests/unit/quant/factor_graphs.h"

namespace inc::quant {
namespace {

double magnitude(const Range& r) {
  return std::max(std::fabs(static_cast<double>(r.lo)), std::fabs(static_cast<double>(r.hi)));
}

/// Every channel's interval lies within the levels, and no channel's step is wider than needed for some level.
void expect_fits(const std::vector<Range>& intervals, const ChannelSteps& steps, const Levels& levels) {
  const double scale = static_cast<double>(steps.qparams.scale[0]);
  for (std::size_t c = 0; c < intervals.size(); ++c) {
    const double step = scale * static_cast<double>(steps.factor[c]), slack = 1e-4;
    EXPECT_LE(intervals[c].hi / step + steps.qparams.zero_point[0], levels.high + slack) << c;
    EXPECT_GE(intervals[c].lo / step + steps.qparams.zero_point[0], levels.low - slack) << c;
  }
}

TEST(PerChannelSteps, NonNegativeChannelsUseAllLevels) {
  const std::vector<Range> r{{0, 1}, {0, 4}, {0, 0.25f}};
  const ChannelSteps s = per_channel_steps(r, {1, 1, 1}, default_activation_scheme());
  EXPECT_EQ(s.qparams.zero_point[0], 0);
  EXPECT_EQ(s.factor, (std::vector<float>{0.25f, 1, 0.0625f}));
  EXPECT_FLOAT_EQ(s.qparams.scale[0], 4.0f / 255);
}

TEST(PerChannelSteps, ShareTheZeroPointOfLeastError) {
  const std::vector<Range> r{{-0.28f, 30}, {-0.28f, 0.5f}, {-0.28f, 3}};
  for (const std::vector<double>& energy : {std::vector<double>{1, 1, 1}, {1e-3, 10, 1}, {0, 1, 0}}) {
    const ChannelSteps s = per_channel_steps(r, energy, default_activation_scheme());
    expect_fits(r, s, {0, 255});
    double chosen = 0, least = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < r.size(); ++c)
      chosen += std::pow(static_cast<double>(s.qparams.scale[0] * s.factor[c]), 2) * energy[c];
    for (int zero = 1; zero < 255; ++zero) {
      double sum = 0;
      for (std::size_t c = 0; c < r.size(); ++c)
        sum += energy[c] *
               std::pow(std::max(static_cast<double>(r[c].hi) / (255 - zero), -static_cast<double>(r[c].lo) / zero), 2);
      least = std::min(least, sum);
    }
    EXPECT_NEAR(chosen, least, 1e-5 * least);
  }
}

TEST(PerChannelSteps, KnowEverySchemeOfEightBits) {
  const std::vector<Range> r{{-1, 2}, {-3, 0.5f}, {-0.1f, 0}};
  Scheme scheme;
  for (const DType dtype : {DType::UInt8, DType::Int8})
    for (const Symmetry symmetry : {Symmetry::Asymmetric, Symmetry::Symmetric}) {
      scheme.dtype = dtype;
      scheme.symmetry = symmetry;
      const ChannelSteps s = per_channel_steps(r, {1, 1, 1}, scheme);
      expect_fits(r, s, dtype == DType::UInt8 ? Levels{0, 255} : Levels{-128, 127});
      const int middle = dtype == DType::UInt8 ? 128 : 0;
      EXPECT_TRUE(symmetry == Symmetry::Asymmetric || s.qparams.zero_point[0] == middle);
    }
}

TEST(PerChannelSteps, DeadAndTinyAndHugeChannelsAreSafe) {
  const ChannelSteps some = per_channel_steps({{0, 0}, {0, 2}, {0, 1e-30f}}, {1, 1, 1}, default_activation_scheme());
  EXPECT_EQ(some.factor[0], 1);
  EXPECT_GT(some.factor[2], 0);
  EXPECT_TRUE(std::isfinite(1 / some.factor[2]));
  EXPECT_TRUE(per_channel_steps({{0, 0}, {0, 0}}, {1, 1}, default_activation_scheme()).factor.empty());
  const float most = std::numeric_limits<float>::max();
  const ChannelSteps huge = per_channel_steps({{-most, most}, {-1, 1}}, {1, 1}, default_activation_scheme());
  EXPECT_TRUE(std::isfinite(huge.qparams.scale[0] * 255));
}

TEST(SmoothingFactors, FollowTheDefinitionUpToACommonFactor) {
  const std::vector<double> x{1, 8, 0.5}, w{0.5, 0.1, 4};
  for (const float alpha : {0.0f, 0.3f, 0.5f, 1.0f}) {
    const auto f = smoothing_factors(x, w, alpha);
    EXPECT_EQ(*std::max_element(f.begin(), f.end()), 1);
    const double a = static_cast<double>(alpha), first = std::pow(x[0], a) / std::pow(w[0], 1 - a);
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(static_cast<double>(f[c] / f[0]), std::pow(x[c], a) / std::pow(w[c], 1 - a) / first,
                  1e-5 * static_cast<double>(f[c] / f[0]));
  }
}

TEST(SmoothingFactors, AreSafeWhereChannelsOrWeightsAreZero) {
  for (const auto& f : {smoothing_factors({0, 2, 1}, {1, 0, 1}, 0.5f), smoothing_factors({0, 0, 0}, {1, 1, 1}, 0.5f),
                        smoothing_factors({1, 1, 1}, {0, 0, 0}, 0.5f), smoothing_factors({1e-30, 1e30, 1}, {1, 1, 1}, 1)})
    for (const float v : f) {
      EXPECT_GT(v, 0);
      EXPECT_LE(v, 1);
      EXPECT_TRUE(std::isfinite(1 / v));
    }
}

/// Brute force: round real data and real weights, and compare the mean squared error of the result with the prediction.
TEST(PredictedError, AgreesWithMeasuredRounding) {
  Outliers g;
  const ir::Tensor x = g.data(4000), w = *g.b.graph.constant(g.weight);
  const RangeTable ranges = g.observe(x);
  const ir::Node& node = g.b.graph.node(g.b.id(g.y));
  const OpConfig config = full_range_int8();
  const PredictedError predicted = predict_error(g.b.graph, node, config, ranges);
  const QParams data = qparams_from_range(ranges.at(g.x, RangeMethod::MinMax), config.activation);
  const QuantizedWeight q = quantize_weight(w, config.weight, 1, PairOrder::MatMulKN);
  const ir::Tensor rough_x = dequantize(quantize(x, data), data), rough_w = dequantize(q.q, q.qparams);
  const auto error = [&](const ir::Tensor& a, const ir::Tensor& b) {
    double sum = 0;
    for (std::size_t m = 0; m < 4000; ++m)
      for (std::size_t n = 0; n < Outliers::kN; ++n) {
        double difference = 0;
        for (std::size_t k = 0; k < Outliers::kK; ++k)
          difference += static_cast<double>(a.values<float>()[m * Outliers::kK + k]) *
                            static_cast<double>(b.values<float>()[k * Outliers::kN + n]) -
                        static_cast<double>(x.values<float>()[m * Outliers::kK + k]) *
                            static_cast<double>(w.values<float>()[k * Outliers::kN + n]);
        sum += difference * difference;
      }
    return sum / 4000;
  };
  EXPECT_NEAR(predicted.activation / error(rough_x, w), 1, 0.15);
  EXPECT_NEAR(predicted.weight / error(x, rough_w), 1, 0.6);
  EXPECT_GT(predicted.signal, 100 * predicted.total());
}

TEST(SmoothQuant, AutomaticTakesTheLeastPredictedErrorAndHelpsWithOutliers) {
  Outliers g;
  const RangeTable ranges = g.observe(g.data(500));
  const ir::Node& node = g.b.graph.node(g.b.id(g.y));
  OpConfig config = full_range_int8();
  const double none = predict_error(g.b.graph, node, config, ranges).total();
  config.smoothing = Smoothing::SmoothQuant;
  const double automatic = predict_error(g.b.graph, node, config, ranges).total();
  EXPECT_LT(automatic, 0.5 * none);
  for (int tenths = 1; tenths <= 9; ++tenths) {
    config.alpha = static_cast<float>(tenths) / 10;
    EXPECT_GE(predict_error(g.b.graph, node, config, ranges).total(), automatic);
  }
}

TEST(SmoothQuant, AutomaticMayChooseNothing) {
  Builder b;
  const auto x = b.input("x", {4, 8});
  const auto y =
      b.node("MatMul", "y", {x, b.graph.add_constant("w", ir::Tensor::of<float>({8, 1}, {1, 1, 1, 1, 1, 1, 1, 1}))}, {4, 1});
  b.output(y);
  RangeTable ranges;
  ranges.tensor[{x, RangeMethod::MinMax}] = {-1, 1};
  ranges.channels[x] = {1, std::vector<Range>(8, {-1, 1}), std::vector<double>(8, 0.3)};
  const auto groups = choose_factors(b.graph, all_int8(b.graph, smooth_int8()), ranges);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_TRUE(groups[0].factor.empty());
}

TEST(ChooseFactors, ReadersOfOneValueShareTheirFactors) {
  Builder b;
  const auto x = b.input("x", {4, 8});
  std::vector<ir::ValueId> ys;
  for (const char* name : {"q", "k", "v"})
    ys.push_back(b.node("MatMul", name, {x, b.weight(std::string(name) + "w", {8, 8}, 3 + ys.size())}, {4, 8}));
  for (const auto y : ys) b.output(y);
  QuantConfig config = all_int8(b.graph, smooth_int8(0.5f));
  const RangeTable ranges = observed(b.graph, {spread_data({64, 8}, 1)});
  const auto together = choose_factors(b.graph, config, ranges);
  ASSERT_EQ(together.size(), 1u);
  EXPECT_EQ(together[0].anchors, (std::vector<ir::NodeId>{b.id(ys[0]), b.id(ys[1]), b.id(ys[2])}));
  std::vector<double> largest_x, largest_w(8, 0.0);
  for (const Range& r : ranges.channels.at(x).range) largest_x.push_back(magnitude(r));
  for (const char* name : {"qw", "kw", "vw"}) {
    const auto w = b.graph.constant(*b.graph.find_value(name))->values<float>();
    for (std::size_t i = 0; i < 64; ++i) largest_w[i / 8] = std::max(largest_w[i / 8], std::fabs(static_cast<double>(w[i])));
  }
  EXPECT_EQ(together[0].factor, smoothing_factors(largest_x, largest_w, 0.5f));
  config.ops[b.id(ys[1])].alpha = 0.8f;
  config.ops[b.id(ys[2])].smoothing = Smoothing::None;
  const auto apart = choose_factors(b.graph, config, ranges);
  ASSERT_EQ(apart.size(), 2u);
  EXPECT_EQ(apart[0].anchors.size(), 1u);
  EXPECT_NE(apart[0].factor, apart[1].factor);
}

TEST(Equalize, BalancesTheWeightsOfBothSides) {
  Chain g("relu");
  const auto groups = choose_factors(g.b.graph, all_int8(g.b.graph, equalized_int8()), g.observe());
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_TRUE(groups[0].factor.empty()) << "the graph's input takes no factor";
  const auto& f = groups[1].factor;
  ASSERT_EQ(f.size(), 4u);
  const auto before = largest_per_row(*g.b.graph.constant(g.w0)), after = largest_per_column(*g.b.graph.constant(g.w1));
  const double first = before[0] / static_cast<double>(f[0]) / (after[0] * static_cast<double>(f[0]));
  for (std::size_t c = 0; c < 4; ++c)
    EXPECT_NEAR(before[c] / static_cast<double>(f[c]) / (after[c] * static_cast<double>(f[c])) / first, 1, 1e-5);
}

TEST(Equalize, LeavesAloneWhatTheProducerCannotTake) {
  Chain g("clip");
  for (const auto& group : choose_factors(g.b.graph, all_int8(g.b.graph, equalized_int8()), g.observe()))
    EXPECT_TRUE(group.factor.empty());
  Chain per_tensor("relu");
  QuantConfig config = all_int8(per_tensor.b.graph, equalized_int8());
  config.ops[per_tensor.b.id(per_tensor.middle)].weight.granularity = Granularity::PerTensor;
  for (const auto& group : choose_factors(per_tensor.b.graph, config, per_tensor.observe()))
    EXPECT_TRUE(group.factor.empty());
}

TEST(ChooseFactors, RangesNearTheLargestNumberStayFinite) {
  const Outliers g;
  RangeTable ranges = g.observe(g.data(10));
  ranges.tensor.at({g.x, RangeMethod::MinMax}) = {-3e38f, 3e38f};
  for (Range& r : ranges.channels.at(g.x).range) r = {-3e38f, 3e38f};
  const auto groups = choose_factors(g.b.graph, all_int8(g.b.graph, smooth_int8(0.5f)), ranges);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_GT(groups[0].qparams.scale[0], 1e36f);
  EXPECT_TRUE(std::isfinite(groups[0].qparams.scale[0]));
}

TEST(ChooseFactors, RefusesWhatWasNotObserved) {
  Outliers g;
  RangeTable ranges = g.observe(g.data(10));
  ranges.channels.clear();
  EXPECT_THROW(choose_factors(g.b.graph, all_int8(g.b.graph, smooth_int8()), ranges), InternalError);
  ranges = g.observe(g.data(10));
  ranges.channels.at(g.x).range[2].hi = std::numeric_limits<float>::infinity();
  EXPECT_THROW(choose_factors(g.b.graph, all_int8(g.b.graph, smooth_int8()), ranges), ModelError);
}

}  // namespace
}  // namespace inc::quant
