#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

using ir::Tensor;
using Ints = std::vector<std::int64_t>;
using Floats = std::vector<float>;

Tensor row(const Floats& values) {
  return Tensor::of<float>({1, 1, static_cast<std::int64_t>(values.size())}, values);
}

TEST(MaxPool, GivesFlatIndices) {
  const Tensor x = Tensor::of<float>({1, 2, 2, 2}, {1, 2, 3, 4, 9, 8, 7, 6});
  const auto y = run_op("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}}, 2);
  EXPECT_EQ(list<float>(y[0]), (Floats{4, 9}));
  EXPECT_EQ(list<std::int64_t>(y[1]), (Ints{3, 4}));
  const auto by_column = run_op("MaxPool", {x}, {{"kernel_shape", Ints{1, 2}}, {"storage_order", std::int64_t{1}}}, 2);
  EXPECT_EQ(list<std::int64_t>(by_column[1]), (Ints{2, 3, 4, 5}));
}

TEST(MaxPool, NeverPicksThePadding) {
  EXPECT_EQ(list<float>(run_op("MaxPool", {row({-3, -2})}, {{"kernel_shape", Ints{2}}, {"pads", Ints{1, 1}}})[0]),
            (Floats{-3, -2, -2}));
  const Tensor bytes = Tensor::of<std::int8_t>({1, 1, 2}, {-128, -5});
  EXPECT_EQ(list<std::int8_t>(run_op("MaxPool", {bytes}, {{"kernel_shape", Ints{2}}})[0]), std::vector<std::int8_t>{-5});
}

TEST(MaxPool, CarriesNaN) {
  EXPECT_TRUE(std::isnan(list<float>(run_op("MaxPool", {row({NAN, 2, 1})}, {{"kernel_shape", Ints{3}}})[0])[0]));
  EXPECT_TRUE(std::isnan(list<float>(run_op("MaxPool", {row({1, 2, NAN})}, {{"kernel_shape", Ints{3}}})[0])[0]));
}

TEST(AveragePool, CountsPadsOnlyWhenAsked) {
  ir::Attrs attrs = {{"kernel_shape", Ints{2}}, {"pads", Ints{1, 1}}};
  EXPECT_EQ(list<float>(run_op("AveragePool", {row({2, 4})}, attrs)[0]), (Floats{2, 3, 4}));
  attrs.set("count_include_pad", std::int64_t{1});
  EXPECT_EQ(list<float>(run_op("AveragePool", {row({2, 4})}, attrs)[0]), (Floats{1, 3, 2}));
}

TEST(AveragePool, DoesNotCountWhatHangsOverThePaddedEnd) {
  const ir::Attrs attrs = {{"kernel_shape", Ints{2}},
                           {"strides", Ints{2}},
                           {"ceil_mode", std::int64_t{1}},
                           {"count_include_pad", std::int64_t{1}}};
  EXPECT_EQ(list<float>(run_op("AveragePool", {row({2, 4, 6})}, attrs)[0]), (Floats{3, 6}));
}

TEST(AveragePool, InCeilModeAWindowMayBeLargerThanTheImage) {
  const ir::Attrs attrs = {{"kernel_shape", Ints{640}}, {"strides", Ints{640}}, {"ceil_mode", std::int64_t{1}}};
  EXPECT_EQ(list<float>(run_op("AveragePool", {row({2, 4, 6})}, attrs)[0]), Floats{4});
  const ir::Attrs slow = {{"kernel_shape", Ints{5}}, {"strides", Ints{2}}, {"ceil_mode", std::int64_t{1}}};
  EXPECT_THROW(run_op("AveragePool", {row({2, 4, 6})}, slow), ModelError);
}

TEST(GlobalPools, CoverTheImage) {
  const Tensor x = Tensor::of<float>({1, 2, 1, 2}, {1, 3, -4, -3});
  EXPECT_EQ(list<float>(run_op("GlobalAveragePool", {x})[0]), (Floats{2, -3.5f}));
  EXPECT_EQ(list<float>(run_op("GlobalMaxPool", {x})[0]), (Floats{3, -3}));
  EXPECT_EQ(run_op("GlobalMaxPool", {x})[0].shape(), (ir::Shape{1, 2, 1, 1}));
  EXPECT_EQ(list<float>(run_op("GlobalLpPool", {x}, {{"p", std::int64_t{1}}})[0]), (Floats{4, 7}));
  EXPECT_THROW(run_op("GlobalMaxPool", {Tensor::of<float>({1, 2, 0}, {})}), ModelError);
}

TEST(Pools, NeedAKernelThatFits) {
  EXPECT_THROW(run_op("MaxPool", {row({1, 2})}), ModelError);
  EXPECT_THROW(run_op("MaxPool", {row({1, 2})}, {{"kernel_shape", Ints{3}}}), ModelError);
}

TEST(RoiAlign, AveragesAnEvenRegion) {
  const Tensor x = Tensor::of<float>({1, 1, 2, 2}, {1, 2, 3, 4}), roi = Tensor::of<float>({1, 4}, {0, 0, 2, 2});
  EXPECT_EQ(list<float>(run_op("RoiAlign", {x, roi, Tensor::of<std::int64_t>({1}, {0})})[0]), Floats{2.5f});
  EXPECT_THROW(run_op("RoiAlign", {x, roi, Tensor::of<std::int64_t>({1}, {1})}), ModelError);
}

TEST(MaxUnpool, UndoesMaxPool) {
  const Tensor x = Tensor::of<float>({1, 1, 4}, {1, 5, 7, 2});
  const auto pooled = run_op("MaxPool", {x}, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}}, 2);
  EXPECT_EQ(list<float>(run_op("MaxUnpool", pooled, {{"kernel_shape", Ints{2}}, {"strides", Ints{2}}})[0]),
            (Floats{0, 5, 7, 0}));
}

}  // namespace
}  // namespace inc::testing
