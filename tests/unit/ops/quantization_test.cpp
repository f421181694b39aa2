#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/ops/run_op.h"

namespace inc::testing {
namespace {

using ir::Tensor;
using Floats = std::vector<float>;
using Bytes = std::vector<std::uint8_t>;

TEST(QuantizeLinear, RoundsHalfToEvenThenAddsTheZeroPointAndSaturates) {
  const Tensor x = Tensor::of<float>({6}, {0.5f, 1.5f, -0.5f, -2.5f, 1e30f, -1e30f});
  const auto y = run_op("QuantizeLinear", {x, Tensor::scalar(1.0f), Tensor::scalar<std::uint8_t>(3)})[0];
  EXPECT_EQ(list<std::uint8_t>(y), (Bytes{3, 5, 3, 1, 255, 0}));
}

TEST(QuantizeLinear, SendsNaNToTheZeroPoint) {
  const auto y =
      run_op("QuantizeLinear", {Tensor::of<float>({1}, {NAN}), Tensor::scalar(1.0f), Tensor::scalar<std::int8_t>(-7)})[0];
  EXPECT_EQ(list<std::int8_t>(y), std::vector<std::int8_t>{-7});
}

TEST(QuantizeLinear, TakesOneScalePerIndexOfAnAxisOrPerBlock) {
  const Tensor x = Tensor::of<float>({2, 3}, {2, 4, 6, 2, 4, 6});
  const auto per_axis = run_op("QuantizeLinear", {x, Tensor::of<float>({2}, {1, 2})}, {{"axis", std::int64_t{0}}})[0];
  EXPECT_EQ(list<std::uint8_t>(per_axis), (Bytes{2, 4, 6, 1, 2, 3}));
  const auto blocked = run_op("QuantizeLinear", {x, Tensor::of<float>({2, 2}, {1, 2, 2, 1})},
                              {{"axis", std::int64_t{1}}, {"block_size", std::int64_t{2}}})[0];
  EXPECT_EQ(list<std::uint8_t>(blocked), (Bytes{2, 4, 3, 1, 2, 6}));
  EXPECT_THROW(run_op("QuantizeLinear", {x, Tensor::of<float>({2}, {1, 2})}, {{"axis", std::int64_t{1}}}), ModelError);
}

TEST(QuantizeLinear, OutputTypeComesFromZeroPointElseAttributeElseUInt8) {
  const Tensor x = Tensor::of<float>({1}, {-3}), scale = Tensor::scalar(1.0f);
  EXPECT_EQ(run_op("QuantizeLinear", {x, scale})[0].dtype(), DType::UInt8);
  EXPECT_EQ(list<std::int16_t>(run_op("QuantizeLinear", {x, scale}, {{"output_dtype", std::int64_t{5}}})[0]),
            std::vector<std::int16_t>{-3});
  EXPECT_EQ(run_op("QuantizeLinear", {x, scale, Tensor::scalar<std::uint16_t>(9)})[0].dtype(), DType::UInt16);
  EXPECT_THROW(run_op("QuantizeLinear", {x, scale}, {{"output_dtype", std::int64_t{17}}}), UnsupportedError);
}

TEST(DequantizeLinear, IsExactOnLargeDifferences) {
  const Tensor x = Tensor::of<std::int32_t>({2}, {INT32_MAX, INT32_MIN}), zero = Tensor::scalar<std::int32_t>(-1);
  EXPECT_EQ(list<float>(run_op("DequantizeLinear", {x, Tensor::scalar(1.0f), zero})[0]),
            (Floats{2147483648.0f, -2147483648.0f}));
  const auto y = run_op(
      "DequantizeLinear",
      {Tensor::of<std::int8_t>({2}, {-128, 127}), Tensor::of<float>({2}, {2, 3}), Tensor::of<std::int8_t>({2}, {127, -128})},
      {{"axis", std::int64_t{0}}})[0];
  EXPECT_EQ(list<float>(y), (Floats{-510, 765}));
}

TEST(DynamicQuantizeLinear, CoversZeroAndTheRange) {
  const auto y = run_op("DynamicQuantizeLinear", {Tensor::of<float>({3}, {-1, 0, 4.1f})}, {}, 3);
  EXPECT_FLOAT_EQ(list<float>(y[1])[0], 5.1f / 255);
  EXPECT_EQ(list<std::uint8_t>(y[2])[0], 50);
  EXPECT_EQ(list<std::uint8_t>(y[0]), (Bytes{0, 50, 255}));
  EXPECT_EQ(list<std::uint8_t>(run_op("DynamicQuantizeLinear", {Tensor::of<float>({2}, {0, 0})}, {}, 3)[0]), (Bytes{0, 0}));
}

TEST(ConvInteger, PadsWithTheZeroPoint) {
  const Tensor x = Tensor::of<std::uint8_t>({1, 1, 2}, {130, 131}), w = Tensor::of<std::int8_t>({1, 1, 3}, {1, 1, 1});
  const auto y =
      run_op("ConvInteger", {x, w, Tensor::scalar<std::uint8_t>(128)}, {{"pads", std::vector<std::int64_t>{1, 1}}})[0];
  EXPECT_EQ(list<std::int32_t>(y), (std::vector<std::int32_t>{5, 5}));
}

TEST(MatMulInteger, TakesZeroPointsPerRowAndPerColumn) {
  const Tensor a = Tensor::of<std::uint8_t>({2, 1}, {10, 20}), b = Tensor::of<std::uint8_t>({1, 2}, {3, 5});
  const auto y =
      run_op("MatMulInteger", {a, b, Tensor::of<std::uint8_t>({2}, {9, 18}), Tensor::of<std::uint8_t>({2}, {1, 6})})[0];
  EXPECT_EQ(list<std::int32_t>(y), (std::vector<std::int32_t>{2, -1, 4, -2}));
}

TEST(QLinearConv, ComputesWhatDequantizeConvQuantizeComputes) {
  const Tensor x = Tensor::of<std::uint8_t>({1, 1, 4}, {0, 100, 200, 255}),
               w = Tensor::of<std::int8_t>({2, 1, 2}, {1, -2, 127, 3});
  const Tensor xs = Tensor::scalar(0.5f), xz = Tensor::scalar<std::uint8_t>(100), ws = Tensor::of<float>({2}, {0.25f, 0.5f}),
               wz = Tensor::of<std::int8_t>({2}, {0, 0}), ys = Tensor::scalar(4.0f), yz = Tensor::scalar<std::uint8_t>(120);
  const auto direct = run_op("QLinearConv", {x, xs, xz, w, ws, wz, ys, yz, Tensor::of<std::int32_t>({2}, {8, -8})})[0];
  const auto dx = run_op("DequantizeLinear", {x, xs, xz})[0],
             dw = run_op("DequantizeLinear", {w, ws, wz}, {{"axis", std::int64_t{0}}})[0];
  const auto conv = run_op("Conv", {dx, dw, Tensor::of<float>({2}, {1, -2})})[0];
  EXPECT_TRUE(ir::identical(direct, run_op("QuantizeLinear", {conv, ys, yz})[0]));
}

TEST(QLinearMatMul, ComputesWhatDequantizeMatMulQuantizeComputes) {
  const Tensor a = Tensor::of<std::int8_t>({2, 2}, {-100, 50, 3, 127}), b = Tensor::of<std::int8_t>({2, 2}, {5, -6, 7, 8});
  const Tensor s = Tensor::scalar(0.5f), z = Tensor::scalar<std::int8_t>(0), ys = Tensor::scalar(8.0f),
               yz = Tensor::scalar<std::int8_t>(-3);
  const auto direct = run_op("QLinearMatMul", {a, s, z, b, s, z, ys, yz})[0];
  const auto product =
      run_op("MatMul", {run_op("DequantizeLinear", {a, s, z})[0], run_op("DequantizeLinear", {b, s, z})[0]})[0];
  EXPECT_TRUE(ir::identical(direct, run_op("QuantizeLinear", {product, ys, yz})[0]));
}

}  // namespace
}  // namespace inc::testing
