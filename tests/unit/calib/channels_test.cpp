#include <gtest/gtest.h>

#include <limits>

#include "core/base/parallel.h"
#include "core/calib/stats.h"
#include "data.h"
#include "tests/support/random.h"

namespace inc::calib {
namespace {

ir::Tensor noise(const ir::Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  return testing::random_tensor(DType::Float, shape, rng, -3, 5);
}

quant::ChannelRanges expected(const std::vector<ir::Tensor>& tensors, int axis) {
  quant::ChannelRanges out{axis, {}, {}};
  std::vector<double> elements;
  for (const ir::Tensor& t : tensors) {
    std::int64_t inner = 1;
    for (int d = axis + 1; d < t.rank(); ++d) inner *= t.shape()[static_cast<std::size_t>(d)];
    const auto channels = static_cast<std::size_t>(t.shape()[static_cast<std::size_t>(axis)]);
    out.range.resize(channels, {1e30f, -1e30f});
    out.mean_square.resize(channels);
    elements.resize(channels);
    for (std::int64_t i = 0; i < t.count(); ++i) {
      const auto c = static_cast<std::size_t>(i / inner) % channels;
      const float x = t.values<float>()[static_cast<std::size_t>(i)];
      out.range[c] = {std::min(out.range[c].lo, x), std::max(out.range[c].hi, x)};
      out.mean_square[c] += static_cast<double>(x) * x;
      ++elements[c];
    }
  }
  for (std::size_t c = 0; c < elements.size(); ++c) out.mean_square[c] /= elements[c];
  return out;
}

void expect_near(const quant::ChannelRanges& actual, const quant::ChannelRanges& wanted) {
  EXPECT_EQ(actual.axis, wanted.axis);
  EXPECT_EQ(actual.range, wanted.range);
  ASSERT_EQ(actual.mean_square.size(), wanted.mean_square.size());
  const double rounding = 1e3 * std::numeric_limits<double>::epsilon();
  for (std::size_t c = 0; c < wanted.mean_square.size(); ++c)
    EXPECT_NEAR(actual.mean_square[c], wanted.mean_square[c], rounding * wanted.mean_square[c]);
}

TEST(ChannelStats, AgreeWithAPlainScanAlongEveryAxis) {
  for (const ir::Shape& shape : {ir::Shape{2, 3, 5, 7}, {3, 70, 1, 1}, {4, 9, 130}, {1, 1}, {6, 200}, {5}, {2, 64, 33, 17}})
    for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
      const std::vector<ir::Tensor> tensors{noise(shape, 1), noise(shape, 2)};
      ChannelStats stats(axis);
      for (const ir::Tensor& t : tensors) EXPECT_EQ(stats.observe(t), extremes_of(t));
      ASSERT_TRUE(stats.ranges());
      expect_near(*stats.ranges(), expected(tensors, axis));
    }
}

TEST(ChannelStats, AreThoseOfMergedParts) {
  ChannelStats whole(1), left(1), right(1);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const ir::Tensor t = noise({2, 5, 30}, seed);
    whole.observe(t);
    (seed < 2 ? left : right).observe(t);
  }
  left.merge(right);
  left.merge(ChannelStats(1));
  expect_near(*left.ranges(), *whole.ranges());
  ChannelStats fresh(1);
  fresh.merge(whole);
  expect_near(*fresh.ranges(), *whole.ranges());
}

TEST(ChannelStats, DependNeitherOnTheBatchSizeNorOnTheNumberOfThreads) {
  for (const ir::Shape& sample : {ir::Shape{96, 40, 30}, {500, 96}}) {
    ir::Shape shape{4};
    shape.insert(shape.end(), sample.begin(), sample.end());
    const int axis = sample.size() == 3 ? 1 : 2, before = threads();
    const ir::Tensor batch = noise(shape, 3);
    ChannelStats one_by_one(axis);
    shape[0] = 1;
    for (std::int64_t i = 0; i < 4; ++i)
      one_by_one.observe(ir::Tensor(DType::Float, shape, batch.raw() + i * static_cast<std::int64_t>(batch.bytes() / 4),
                                    std::make_shared<ir::Tensor>(batch)));
    for (const int n : {1, 2, 5}) {
      set_threads(n);
      ChannelStats together(axis);
      together.observe(batch);
      EXPECT_EQ(together.ranges()->mean_square, one_by_one.ranges()->mean_square);
      EXPECT_EQ(together.ranges()->range, one_by_one.ranges()->range);
    }
    set_threads(before);
  }
}

TEST(ChannelStats, GiveUpWhereChannelsMakeNoSense) {
  ChannelStats other_count(1), no_axis(2), not_finite(1);
  other_count.observe(noise({2, 3, 4}, 1));
  EXPECT_EQ(other_count.observe(noise({2, 4, 4}, 2)), extremes_of(noise({2, 4, 4}, 2)));
  EXPECT_FALSE(other_count.ranges());
  no_axis.observe(noise({2, 3}, 1));
  EXPECT_FALSE(no_axis.ranges());
  const Extremes seen = not_finite.observe(ir::Tensor::of<float>({1, 3}, {1, std::nanf(""), 3}));
  EXPECT_EQ(seen, (Extremes{1, 3, 3, 1}));
  EXPECT_FALSE(not_finite.ranges());
  EXPECT_FALSE(ChannelStats(1).ranges());
}

TEST(ChannelStats, TakeExtremeNumbersAndEmptyTensors) {
  const float max = std::numeric_limits<float>::max();
  ChannelStats stats(0);
  EXPECT_EQ(stats.observe(ir::Tensor::of<float>({2, 2}, {-max, max, -max, -max})), (Extremes{-max, max, 4, 0}));
  EXPECT_EQ(stats.observe(ir::Tensor(DType::Float, {2, 0})), Extremes{});
  EXPECT_EQ(stats.ranges()->range, (std::vector<quant::Range>{{-max, max}, {-max, -max}}));
}

}  // namespace
}  // namespace inc::calib
