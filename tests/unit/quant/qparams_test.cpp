#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/quant/quantize.h"

namespace inc::quant {
namespace {

constexpr Scheme kU8{DType::UInt8, Symmetry::Asymmetric};
constexpr Scheme kU8Sym{DType::UInt8, Symmetry::Symmetric};
constexpr Scheme kS8{DType::Int8, Symmetry::Asymmetric};
constexpr Scheme kS8Sym{DType::Int8, Symmetry::Symmetric};

TEST(QParamsFromRange, AsymmetricU8SpansAllLevels) {
  const QParams p = qparams_from_range({-1, 1}, kU8);
  EXPECT_FLOAT_EQ(p.scale[0], 2.0f / 255);
  EXPECT_EQ(p.zero_point[0], 128);
  EXPECT_EQ(p.axis, -1);
  const QParams relu = qparams_from_range({0, 6}, kU8);
  EXPECT_FLOAT_EQ(relu.scale[0], 6.0f / 255);
  EXPECT_EQ(relu.zero_point[0], 0);
}

TEST(QParamsFromRange, SymmetricUses127OnBothSides) {
  EXPECT_FLOAT_EQ(qparams_from_range({-2, 1}, kS8Sym).scale[0], 2.0f / 127);
  EXPECT_EQ(qparams_from_range({-2, 1}, kS8Sym).zero_point[0], 0);
  EXPECT_FLOAT_EQ(qparams_from_range({0, 4}, kU8Sym).scale[0], 4.0f / 127);
  EXPECT_EQ(qparams_from_range({0, 4}, kU8Sym).zero_point[0], 128);
}

TEST(QParamsFromRange, AsymmetricS8StartsAtMinus128) {
  EXPECT_EQ(qparams_from_range({0, 1}, kS8).zero_point[0], -128);
  EXPECT_EQ(qparams_from_range({-1, 0}, kS8).zero_point[0], 127);
}

TEST(QParamsFromRange, WidensToZero) {
  EXPECT_EQ(qparams_from_range({2, 5}, kU8), qparams_from_range({0, 5}, kU8));
  EXPECT_EQ(qparams_from_range({-5, -2}, kU8), qparams_from_range({-5, 0}, kU8));
}

TEST(QParamsFromRange, EmptyIntervalGetsScaleOne) {
  for (const Scheme& s : {kU8, kU8Sym, kS8, kS8Sym}) EXPECT_EQ(qparams_from_range({0, 0}, s).scale[0], 1.0f);
}

TEST(QParamsFromRange, NotFiniteIsAModelError) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  EXPECT_THROW(qparams_from_range({-inf, 1}, kU8), ModelError);
  EXPECT_THROW(qparams_from_range({0, inf}, kS8Sym), ModelError);
  EXPECT_THROW(qparams_from_range({nan, 1}, kU8), ModelError);
  EXPECT_THROW(qparams_from_range({2, 1}, kU8), ModelError);
}

TEST(QParamsFromRange, OtherTypesAreRefused) {
  EXPECT_THROW(qparams_from_range({0, 1}, {DType::Int16, Symmetry::Symmetric}), ConfigError);
}

TEST(QParamsFromRange, ZeroIsExactAndBoundsAreWithinAStepForAnyRange) {
  Rng rng(3);
  for (int i = 0; i < 2000; ++i) {
    const float exponent = static_cast<float>(rng.uniform() * 76 - 38);
    const float lo = -static_cast<float>(rng.uniform()) * std::pow(10.0f, exponent);
    const float hi = static_cast<float>(rng.uniform()) * std::pow(10.0f, exponent);
    for (const Scheme& scheme : {kU8, kU8Sym, kS8, kS8Sym}) {
      const QParams p = qparams_from_range({lo, hi}, scheme);
      ASSERT_TRUE(std::isnormal(p.scale[0])) << lo << " " << hi;
      const ir::Tensor x = ir::Tensor::of<float>({3}, {0, lo, hi});
      const ir::Tensor back = dequantize(quantize(x, p), p);
      EXPECT_EQ(back.values<float>()[0], 0.0f);
      EXPECT_NEAR(back.values<float>()[1], lo, p.scale[0] * 0.50001f);
      EXPECT_NEAR(back.values<float>()[2], hi, p.scale[0] * 0.50001f);
    }
  }
}

TEST(QParamsFromRange, ExtremeRangesStayFinite) {
  const float max = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  for (const Scheme& scheme : {kU8, kU8Sym, kS8, kS8Sym})
    for (const Range& r : {Range{-max, max}, Range{0, tiny}, Range{-tiny, 0}, Range{-tiny, tiny}, Range{-max, tiny}}) {
      const QParams p = qparams_from_range(r, scheme);
      EXPECT_TRUE(std::isnormal(p.scale[0]));
      const ir::Tensor back = dequantize(quantize(ir::Tensor::of<float>({3}, {r.lo, 0, r.hi}), p), p);
      EXPECT_EQ(back.values<float>()[1], 0.0f);
      for (const float x : back.values<float>()) EXPECT_TRUE(std::isfinite(x));
    }
}

}  // namespace
}  // namespace inc::quant
