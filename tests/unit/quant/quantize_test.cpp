#include "core/quant/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

std::int64_t reference(float x, float scale, std::int32_t zero, std::int64_t low, std::int64_t high) {
  if (std::isnan(x)) return zero;
  const double v = std::nearbyint(static_cast<double>(x / scale)) + zero;
  if (v < static_cast<double>(low)) return low;
  if (v > static_cast<double>(high)) return high;
  return static_cast<std::int64_t>(v);
}

TEST(Quantize, RoundsHalfToEven) {
  const ir::Tensor x = ir::Tensor::of<float>({8}, {0.5f, 1.5f, 2.5f, 3.5f, -0.5f, -1.5f, -2.5f, 126.5f});
  const QParams p{DType::Int8, {1.0f}, {0}, -1};
  EXPECT_EQ(quantize(x, p).to_int64s(), (std::vector<std::int64_t>{0, 2, 2, 4, 0, -2, -2, 126}));
}

TEST(Quantize, SaturatesAndSendsNanToZeroPoint) {
  const float inf = std::numeric_limits<float>::infinity(), max = std::numeric_limits<float>::max();
  const ir::Tensor x = ir::Tensor::of<float>({6}, {std::nanf(""), inf, -inf, max, -max, 0});
  EXPECT_EQ(quantize(x, {DType::UInt8, {0.1f}, {7}, -1}).to_int64s(), (std::vector<std::int64_t>{7, 255, 0, 255, 0, 7}));
  EXPECT_EQ(quantize(x, {DType::Int8, {0.1f}, {-3}, -1}).to_int64s(),
            (std::vector<std::int64_t>{-3, 127, -128, 127, -128, -3}));
}

TEST(Quantize, AgreesWithTheScalarDefinitionForEveryType) {
  const ir::Tensor x = random_tensor({4, 3, 5, 7}, 11, 3);
  struct Case {
    DType dtype;
    std::int64_t low, high;
    std::int32_t zero;
  };
  for (const Case& c :
       {Case{DType::UInt8, 0, 255, 100}, Case{DType::Int8, -128, 127, -20}, Case{DType::Int16, -32768, 32767, 0},
        Case{DType::UInt16, 0, 65535, 32768},
        Case{DType::Int32, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 0}}) {
    const float scale = c.dtype == DType::Int32 ? 1e-9f : c.high > 255 ? 1e-4f : 0.013f;
    const auto got = quantize(x, {c.dtype, {scale}, {c.zero}, -1}).to_int64s();
    for (std::size_t i = 0; i < got.size(); ++i)
      if (c.dtype != DType::Int32)
        ASSERT_EQ(got[i], reference(x.values<float>()[i], scale, c.zero, c.low, c.high));
      else
        ASSERT_LE(std::abs(static_cast<double>(got[i]) -
                           std::clamp(static_cast<double>(x.values<float>()[i]) / static_cast<double>(scale), -2147483648.0,
                                      2147483647.0)),
                  0.5);
  }
}

TEST(Quantize, PerChannelUsesTheScaleOfItsAxis) {
  const ir::Tensor x = random_tensor({2, 3, 4}, 5);
  for (int axis = 0; axis < 3; ++axis) {
    const auto channels = x.shape()[static_cast<std::size_t>(axis)];
    QParams p{DType::Int8, {}, {}, axis};
    for (std::int64_t c = 0; c < channels; ++c) {
      p.scale.push_back(0.01f * static_cast<float>(c + 1));
      p.zero_point.push_back(static_cast<std::int32_t>(c));
    }
    const auto q = quantize(x, p).to_int64s();
    const ir::Tensor back = dequantize(quantize(x, p), p);
    const std::int64_t inner = axis == 0 ? 12 : axis == 1 ? 4 : 1;
    for (std::int64_t i = 0; i < x.count(); ++i) {
      const auto c = static_cast<std::size_t>(i / inner % channels), k = static_cast<std::size_t>(i);
      EXPECT_EQ(q[k], reference(x.values<float>()[k], p.scale[c], p.zero_point[c], -128, 127));
      EXPECT_FLOAT_EQ(back.values<float>()[k], static_cast<float>(q[k] - p.zero_point[c]) * p.scale[c]);
    }
  }
}

TEST(Quantize, LevelsAreFixedPoints) {
  std::vector<std::uint8_t> all(256);
  for (int i = 0; i < 256; ++i) all[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i);
  const ir::Tensor levels = ir::Tensor::of<std::uint8_t>({256}, all);
  Rng rng(9);
  for (int i = 0; i < 500; ++i) {
    const QParams p{DType::UInt8,
                    {std::exp(static_cast<float>(rng.uniform() * 40 - 20))},
                    {static_cast<std::int32_t>(rng.below(256))},
                    -1};
    ASSERT_TRUE(ir::identical(quantize(dequantize(levels, p), p), levels));
  }
}

TEST(Quantize, EmptyTensorsAndUnknownTypes) {
  const ir::Tensor empty(DType::Float, {0, 3});
  EXPECT_EQ(quantize(empty, {DType::Int8, {1.0f}, {0}, -1}).shape(), (ir::Shape{0, 3}));
  EXPECT_EQ(quantize(empty, {DType::Int8, {1.0f, 1.0f, 1.0f}, {0, 0, 0}, 1}).shape(), (ir::Shape{0, 3}));
  EXPECT_THROW(quantize(empty, {DType::Float, {1.0f}, {0}, -1}), ModelError);
}

}  // namespace
}  // namespace inc::quant
