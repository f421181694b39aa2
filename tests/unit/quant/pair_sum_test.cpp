// The emulation against the instructions it stands for.
#include "core/ops/pair_sum.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "core/base/rng.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace inc::ops {
namespace {

using Lanes = std::array<std::int16_t, 16>;
using Sums = std::array<std::int32_t, 8>;

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}

__attribute__((target("avx2"))) Lanes maddubs(const std::uint8_t* a, const std::int8_t* b) {
  Lanes out;
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.data()), _mm256_maddubs_epi16(x, y));
  return out;
}

__attribute__((target("avx2"))) Sums accumulated(const std::vector<std::uint8_t>& a, const std::vector<std::int8_t>& b) {
  __m256i sums = _mm256_setzero_si256();
  for (std::size_t i = 0; i + 32 <= a.size(); i += 32) {
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&a[i]));
    const __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&b[i]));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(x, y), _mm256_set1_epi16(1)));
  }
  Sums out;
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.data()), sums);
  return out;
}
#else
bool has_avx2() {
  return false;
}
Lanes maddubs(const std::uint8_t*, const std::int8_t*) {
  return {};
}
Sums accumulated(const std::vector<std::uint8_t>&, const std::vector<std::int8_t>&) {
  return {};
}
#endif

constexpr const char* kNoAvx2 = "this CPU has no AVX2: vpmaddubsw cannot be compared";

TEST(PairSum, SaturatesAtBothEndsOfInt16) {
  EXPECT_EQ(pair_sum(255, 64, 255, 64), 32640);
  EXPECT_EQ(pair_sum(255, 64, 255, 65), 32767);
  EXPECT_EQ(pair_sum(255, -64, 255, -64), -32640);
  EXPECT_EQ(pair_sum(255, -64, 255, -65), -32768);
  EXPECT_EQ(pair_sum(255, -128, 255, 127), -255);
  EXPECT_EQ(pair_loss(32767), 0);
  EXPECT_EQ(pair_loss(32770), -3);
  EXPECT_EQ(pair_loss(-32770), 2);
}

TEST(PairSum, IsTheInstructionOnRandomAndExtremeOperands) {
  if (!has_avx2()) GTEST_SKIP() << kNoAvx2;
  constexpr std::array<int, 6> kA{0, 1, 127, 128, 254, 255}, kB{-128, -127, -1, 0, 1, 127};
  Rng rng(1);
  std::size_t saturated = 0;
  for (int round = 0; round < 20000; ++round) {
    std::array<std::uint8_t, 32> a;
    std::array<std::int8_t, 32> b;
    for (std::size_t i = 0; i < 32; ++i) {
      a[i] = static_cast<std::uint8_t>(round % 2 == 0 ? rng.below(256) : static_cast<std::uint64_t>(kA[rng.below(6)]));
      b[i] = static_cast<std::int8_t>(round % 2 == 0 ? static_cast<int>(rng.below(256)) - 128 : kB[rng.below(6)]);
    }
    const Lanes lanes = maddubs(a.data(), b.data());
    for (std::size_t i = 0; i < 16; ++i) {
      const std::int16_t ours = pair_sum(a[2 * i], b[2 * i], a[2 * i + 1], b[2 * i + 1]);
      ASSERT_EQ(ours, lanes[i]) << int(a[2 * i]) << "·" << int(b[2 * i]) << " + " << int(a[2 * i + 1]) << "·"
                                << int(b[2 * i + 1]);
      saturated += ours == 32767 || ours == -32768 ? 1 : 0;
    }
  }
  EXPECT_GT(saturated, 1000u);
}

TEST(SaturatingDot, IsWhatTheInstructionsAccumulate) {
  if (!has_avx2()) GTEST_SKIP() << kNoAvx2;
  Rng rng(2);
  std::vector<std::uint8_t> a(32 * 50);
  std::vector<std::int8_t> b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<std::uint8_t>(rng.below(256));
    b[i] = static_cast<std::int8_t>(static_cast<int>(rng.below(256)) - 128);
  }
  const Sums sums = accumulated(a, b);
  for (std::size_t lane = 0; lane < 8; ++lane) {
    std::vector<std::uint8_t> of_a;
    std::vector<std::int8_t> of_b;
    for (std::size_t i = 4 * lane; i < a.size(); i += 32)
      for (std::size_t k = i; k < i + 4; ++k) of_a.push_back(a[k]), of_b.push_back(b[k]);
    EXPECT_EQ(saturating_dot(of_a, of_b), sums[lane]);
  }
}

TEST(SaturatingDot, PairsAnOddEndWithZero) {
  const std::vector<std::uint8_t> a{255, 255, 255};
  const std::vector<std::int8_t> b{127, 127, 127};
  EXPECT_EQ(saturating_dot(a, b), 32767 + 255 * 127);
}

}  // namespace
}  // namespace inc::ops
