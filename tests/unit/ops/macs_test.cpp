#include "core/ops/macs.h"

#include <gtest/gtest.h>

#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

using Shapes = std::vector<ir::Shape>;

std::int64_t count(const std::string& op, const Shapes& inputs, const Shapes& outputs, ir::Attrs attrs = {}) {
  return ops::macs(op_node(op, inputs.size(), std::move(attrs)), inputs, outputs);
}

TEST(Macs, OfConvolutionsFollowTheFilter) {
  EXPECT_EQ(count("Conv", {{1, 3, 224, 224}, {64, 3, 7, 7}, {64}}, {{1, 64, 112, 112}}), 118013952);    // ResNet-50's first
  EXPECT_EQ(count("inc.Conv", {{2, 32, 10, 10}, {32, 1, 3, 3}}, {{2, 32, 10, 10}}), 2 * 32 * 100 * 9);  // depthwise
  EXPECT_EQ(count("QLinearConv", {{1, 8, 4, 4}, {}, {}, {16, 8, 1, 1}, {}, {}, {}, {}}, {{1, 16, 4, 4}}), 16 * 16 * 8);
  EXPECT_EQ(count("ConvTranspose", {{1, 8, 4, 4}, {8, 5, 2, 2}}, {{1, 5, 8, 8}}), 8 * 16 * 5 * 4);
}

TEST(Macs, OfMatrixProductsFollowTheSummedAxis) {
  EXPECT_EQ(count("MatMul", {{4, 12, 128, 64}, {4, 12, 64, 128}}, {{4, 12, 128, 128}}), 4LL * 12 * 128 * 128 * 64);
  EXPECT_EQ(count("inc.MatMul", {{7}, {7}}, {{}}), 7);
  EXPECT_EQ(count("Gemm", {{3, 5}, {5, 2}, {2}}, {{3, 2}}), 30);
  ir::Attrs transposed;
  transposed.set("transA", std::int64_t{1});
  EXPECT_EQ(count("inc.Gemm", {{5, 3}, {5, 2}}, {{3, 2}}, transposed), 30);
}

TEST(Macs, OfAttentionAndRecurrentLayersCountTheirProducts) {
  EXPECT_EQ(count("Attention", {{2, 4, 6, 8}, {2, 4, 10, 8}, {2, 4, 10, 8}}, {{2, 4, 6, 8}}), 2 * 2 * 4 * 6 * 10 * 8);
  EXPECT_EQ(count("Attention", {{2, 6, 32}, {2, 10, 32}, {2, 10, 32}}, {{2, 6, 32}}), 2 * 2 * 6 * 10 * 32);
  EXPECT_EQ(count("LSTM", {{9, 2, 5}, {1, 16, 5}, {1, 16, 4}}, {{9, 1, 2, 4}}), 9 * 2 * (16 * 5 + 16 * 4));
}

TEST(Macs, OfOtherOperatorsAreNotCounted) {
  EXPECT_EQ(count("Add", {{8, 8}, {8, 8}}, {{8, 8}}), 0);
  EXPECT_EQ(count("Conv", {{0, 3, 8, 8}, {4, 3, 1, 1}}, {{0, 4, 8, 8}}), 0);
  EXPECT_EQ(count("Conv", {{1, 3, 8, 8}, {0, 3, 1, 1}}, {{1, 0, 8, 8}}), 0);
}

}  // namespace
}  // namespace inc::testing
