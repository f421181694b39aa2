// FP32 ↔ BF16: every variant, bit by bit, against the scalar type; and BF16 rows against FP32 rows rounded once.
#include "kernels/bfloat16/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "core/base/rng.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/isa.h"
#include "kernels/normalize/normalize.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class BFloat16Kernels : public EveryIsa {};

std::vector<std::uint16_t> bits_of(const std::vector<BFloat16>& values) {
  std::vector<std::uint16_t> bits;
  for (const BFloat16 v : values) bits.push_back(v.bits);
  return bits;
}

/// Each upper half with the lower halves around a tie: zeros, denormals, infinities and NaN included.
std::vector<float> around_every_tie() {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 0x10000u; ++upper)
    for (const std::uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  return values;
}

std::vector<BFloat16> narrowed(const std::vector<float>& values) {
  std::vector<BFloat16> result;
  for (const float v : values) result.emplace_back(v);
  return result;
}

TEST_P(BFloat16Kernels, RoundAsTheScalarTypeDoes) {
  const auto values = around_every_tie();
  std::vector<BFloat16> found(values.size());
  to_bf16(values.data(), found.data(), static_cast<std::int64_t>(values.size()));
  EXPECT_TRUE(bits_of(found) == bits_of(narrowed(values)));
}

TEST_P(BFloat16Kernels, WidenEveryNumberExactly) {
  std::vector<BFloat16> all;
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) all.push_back(BFloat16::from_bits(static_cast<std::uint16_t>(bits)));
  std::vector<float> found(all.size());
  to_fp32(all.data(), found.data(), static_cast<std::int64_t>(all.size()));
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]), static_cast<std::uint32_t>(i) << 16);
}

TEST_P(BFloat16Kernels, RoundInPlaceAsThereAndBack) {
  const auto values = around_every_tie();
  auto found = values;
  round_to_bf16(found.data(), found.data(), static_cast<std::int64_t>(found.size()));
  const auto expected = narrowed(values);
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(std::bit_cast<std::uint32_t>(found[i]), static_cast<std::uint32_t>(expected[i].bits) << 16);
}

TEST_P(BFloat16Kernels, KeepWithinTheirCount) {
  const auto values = around_every_tie();
  for (const std::int64_t count : {0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65}) {
    std::vector<BFloat16> found(80, BFloat16::from_bits(0x5a5a));
    to_bf16(values.data() + 1000, found.data(), count);
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_EQ(found[i].bits, static_cast<std::int64_t>(i) < count ? BFloat16(values[1000 + i]).bits : 0x5a5a);
  }
}

struct Rows {
  std::vector<float> real;
  std::vector<BFloat16> rounded;
  explicit Rows(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    for (std::size_t i = 0; i < count; ++i) {
      rounded.emplace_back(static_cast<float>(rng.uniform() * 8 - 4));
      real.push_back(static_cast<float>(rounded.back()));
    }
  }
};

TEST_P(BFloat16Kernels, BinaryRoundsTheResultInFp32Once) {
  const std::int64_t dims[] = {3, 700, 5}, whole[] = {3500, 5, 1}, row[] = {0, 0, 1}, column[] = {700, 1, 0};
  const Rows a(10500, 1), b(2100, 2);
  for (const auto& strides : {whole, row, column}) {
    const Broadcast shape = broadcast(dims, whole, std::span(strides, 3));
    const Rows& second = strides == whole ? a : b;
    std::vector<float> real(10500);
    std::vector<BFloat16> found(10500);
    for (const Binary op : {Binary::Add, Binary::Mul, Binary::Div, Binary::Max}) {
      binary(op, a.real.data(), second.real.data(), real.data(), shape);
      binary(op, a.rounded.data(), second.rounded.data(), found.data(), shape);
      EXPECT_TRUE(bits_of(found) == bits_of(narrowed(real)));
    }
  }
}

TEST_P(BFloat16Kernels, UnaryAndNormalizationsRoundTheResultInFp32Once) {
  const Rows x(3 * 1111, 3), scale(1111, 4), shift(1111, 5);
  std::vector<float> real(x.real.size());
  std::vector<BFloat16> found(x.real.size());
  for (const Unary op : {Unary::Erf, Unary::Relu, Unary::Square}) {
    unary(op, x.real.data(), real.data(), 3333);
    unary(op, x.rounded.data(), found.data(), 3333);
    EXPECT_TRUE(bits_of(found) == bits_of(narrowed(real)));
  }
  layer_norm(x.real.data(), real.data(), 3, 1111, scale.real.data(), shift.real.data(), 1e-5f);
  layer_norm(x.rounded.data(), found.data(), 3, 1111, scale.real.data(), shift.real.data(), 1e-5f);
  EXPECT_TRUE(bits_of(found) == bits_of(narrowed(real)));
  rms_norm(x.real.data(), real.data(), 3, 1111, scale.real.data(), 1e-5f);
  rms_norm(x.rounded.data(), found.data(), 3, 1111, scale.real.data(), 1e-5f);
  EXPECT_TRUE(bits_of(found) == bits_of(narrowed(real)));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, BFloat16Kernels, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
