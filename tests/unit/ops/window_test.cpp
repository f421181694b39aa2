#include "core/ops/window.h"

#include <gtest/gtest.h>

#include <limits>

namespace inc::ops {
namespace {

TEST(Window, PutsTheOddPadAtTheEndForSameUpperAndAtTheBeginningForSameLower) {
  const auto upper = window_of({{"auto_pad", std::string("SAME_UPPER")}}, {1, 1, 5}, {4});
  EXPECT_EQ(upper.pads_begin[2], 1);
  EXPECT_EQ(upper.pads_end[2], 2);
  const auto lower = window_of({{"auto_pad", std::string("SAME_LOWER")}}, {1, 1, 5}, {4});
  EXPECT_EQ(lower.pads_begin[2], 2);
  EXPECT_EQ(lower.pads_end[2], 1);
  EXPECT_EQ(lower.output_shape(), ir::Shape{5});
}

TEST(Window, CeilModeDropsAWindowThatWouldStartInThePadding) {
  const ir::Attrs attrs = {
      {"strides", std::vector<std::int64_t>{2}}, {"pads", std::vector<std::int64_t>{0, 1}}, {"ceil_mode", std::int64_t{1}}};
  EXPECT_EQ(window_of(attrs, {1, 1, 4}, {1}).output_shape(), ir::Shape{2});
  EXPECT_EQ(window_of(attrs, {1, 1, 5}, {1}).output_shape(), ir::Shape{3});
  EXPECT_EQ(window_of(attrs, {1, 1, 5}, {3}).output_shape(), ir::Shape{3});
}

TEST(Window, KnowsWhichOutputsATapServes) {
  const ir::Attrs attrs = {{"strides", std::vector<std::int64_t>{2}}, {"pads", std::vector<std::int64_t>{2, 2}}};
  const auto w = window_of(attrs, {1, 1, 6}, {3});
  ASSERT_EQ(w.output[2], 4);
  EXPECT_EQ(w.inside(2, 0), (std::pair<std::int64_t, std::int64_t>{1, 4}));
  EXPECT_EQ(w.inside(2, 2), (std::pair<std::int64_t, std::int64_t>{0, 3}));
}

TEST(Window, RefusesWhatDoesNotFit) {
  EXPECT_THROW(window_of({}, {1, 1, 3}, {4}), ModelError);
  EXPECT_THROW(window_of({{"strides", std::vector<std::int64_t>{0}}}, {1, 1, 3}, {2}), ModelError);
  EXPECT_THROW(window_of({{"pads", std::vector<std::int64_t>{1}}}, {1, 1, 3}, {2}), ModelError);
  EXPECT_THROW(window_of({}, {1, 1, 3, 3}, {2}), ModelError);
  EXPECT_THROW(window_of({}, {1, 1, 2, 2, 2, 2}, {1, 1, 1, 1}), UnsupportedError);
  EXPECT_THROW(conv_shape({}, {1, 3, 8, 8}, {4, 2, 3, 3}), ModelError);
  EXPECT_THROW(conv_shape({{"group", std::int64_t{2}}}, {1, 4, 8, 8}, {3, 2, 3, 3}), ModelError);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(conv_shape({{"group", most}}, {1, 4, 8, 8}, {4, 4, 3, 3}), ModelError);
}

TEST(MatMulShape, BroadcastsStacksAndTakesPromotedVectorsAwayAgain) {
  const auto s = matmul_shape({2, 1, 3, 4}, {5, 4, 6});
  EXPECT_EQ(s.output, (ir::Shape{2, 5, 3, 6}));
  EXPECT_EQ(s.a_batch, (std::vector<std::int64_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}));
  EXPECT_EQ(s.b_batch, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
  EXPECT_EQ(matmul_shape({4}, {4}).output, ir::Shape{});
  EXPECT_EQ(matmul_shape({4}, {2, 4, 3}).output, (ir::Shape{2, 3}));
  EXPECT_EQ(matmul_shape({2, 3, 4}, {4}).output, (ir::Shape{2, 3}));
  EXPECT_THROW(matmul_shape({2, 3}, {2, 3}), ModelError);
}

}  // namespace
}  // namespace inc::ops
