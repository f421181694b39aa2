// 1×1 convolution of 8-bit data against the scalar definition, bit-exact.
#include "kernels/pointwise/pointwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Pointwise : public EveryIsa {};

/// A group with its arrays: weights and data of the full range, channels that saturate, bounds that cut.
struct Problem {
  PointwiseGroup group;
  std::vector<std::int8_t> weights;
  std::vector<float> scale, shift, low, high;
  std::vector<std::uint8_t> src, residual;

  Problem(const PointwiseShape& s, bool signed_input, PointwiseOut out) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.pixels * 17 + s.channels));
    const auto some = [&](double from, double to) { return static_cast<float>(from + rng.uniform() * (to - from)); };
    const float inf = std::numeric_limits<float>::infinity();
    for (std::int64_t i = 0; i < s.out_channels * s.channels; ++i)
      weights.push_back(i % 5 == 0 ? static_cast<std::int8_t>(i % 2 == 0 ? -128 : 127)
                                   : static_cast<std::int8_t>(some(-128, 128)));
    for (std::int64_t c = 0; c < s.out_channels; ++c) {
      scale.push_back(c % 7 == 6 ? 0.5f : some(0.0005, 0.01) / static_cast<float>(s.channels));
      shift.push_back(some(-20, 20));
      low.push_back(c % 3 == 0 ? -inf : c % 3 == 1 ? 0.0f : -17.5f);
      high.push_back(c % 2 == 0 ? inf : 60.3f);
    }
    for (std::int64_t i = 0; i < s.pixels * s.channels; ++i)
      src.push_back(i % 3 == 0 ? 255 : static_cast<std::uint8_t>(some(0, 256)));
    group = {s,
             weights.data(),
             scale.data(),
             shift.data(),
             low.data(),
             high.data(),
             signed_input,
             signed_input ? -3 : 117,
             out,
             out == PointwiseOut::S8 ? -5 : 40};
  }

  void add_residual(bool is_signed) {
    Rng rng(7);
    for (std::int64_t i = 0; i < group.shape.pixels * group.shape.out_channels; ++i)
      residual.push_back(static_cast<std::uint8_t>(rng.uniform() * 256));
    group.has_residual = true;
    group.signed_residual = is_signed;
    group.residual_scale = 0.31f;
  }

  float scaled(std::int64_t pixel, std::int64_t c) const {
    const std::int64_t channels = group.shape.channels;
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < channels; ++k) {
      const std::uint8_t byte = src[static_cast<std::size_t>(pixel * channels + k)];
      const std::int32_t q = group.signed_input ? static_cast<std::int8_t>(byte) : byte;
      sum += (q - group.input_zero) * weights[static_cast<std::size_t>(c * channels + k)];
    }
    const auto at = static_cast<std::size_t>(c);
    const float t = std::fma(static_cast<float>(sum), scale[at], shift[at]);
    if (!group.has_residual) return t;
    const std::uint8_t byte = residual[static_cast<std::size_t>(pixel * group.shape.out_channels + c)];
    const std::int32_t q = group.signed_residual ? static_cast<std::int8_t>(byte) : byte;
    return std::fma(static_cast<float>(q), group.residual_scale, t);
  }

  std::int32_t rounded(float v) const {
    const bool is_signed = group.out == PointwiseOut::S8;
    const std::int32_t q = static_cast<std::int32_t>(std::nearbyint(std::clamp(v, -1000.0f, 1000.0f))) + group.out_zero;
    return std::clamp(q, is_signed ? -128 : 0, is_signed ? 127 : 255);
  }
};

void expect_exact(const Problem& p, int shares) {
  const PointwiseShape& s = p.group.shape;
  const PointwiseOut out = p.group.out;
  const auto plan = plan_pointwise8(p.group);
  ASSERT_EQ(plan.has_value(), has_vnni());
  if (!plan) return;
  constexpr std::size_t kBehind = 64;
  const std::size_t number = out == PointwiseOut::F32 ? 4 : 1, count = static_cast<std::size_t>(s.pixels * s.out_channels);
  std::vector<PointwiseBlock> packed(static_cast<std::size_t>(plan->weight_bytes) / sizeof(PointwiseBlock) + 1);
  auto* weights = reinterpret_cast<std::byte*>(packed.data());
  pack_pointwise8(*plan, p.weights.data(), weights);
  std::vector<std::byte> dst(count * number + kBehind, std::byte{0x5a});
  pointwise8(*plan, weights, reinterpret_cast<const std::byte*>(p.src.data()),
             reinterpret_cast<const std::byte*>(p.residual.data()), dst.data(), shares);
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    const std::int64_t c = n % s.out_channels, pixel = n / s.out_channels;
    const float t = p.scaled(pixel, c), low = p.low[static_cast<std::size_t>(c)], high = p.high[static_cast<std::size_t>(c)];
    const auto at = [&] {
      return ::testing::Message() << "channel " << c << " of " << s.out_channels << " at pixel " << pixel << " of "
                                  << s.pixels << ", " << s.channels << " channels in";
    };
    if (out == PointwiseOut::F32) {
      ASSERT_EQ(reinterpret_cast<const float*>(dst.data())[i], std::min(std::max(t, low), high)) << at();
      continue;
    }
    const std::int32_t want = std::min(std::max(p.rounded(t), p.rounded(low)), p.rounded(high));
    const std::int32_t got = out == PointwiseOut::S8 ? static_cast<std::int8_t>(dst[i]) : static_cast<std::uint8_t>(dst[i]);
    ASSERT_EQ(got, want) << at();
  }
  for (std::size_t i = count * number; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0x5a}) << "written behind";
}

void expect_exact(const PointwiseShape& s, bool signed_input, PointwiseOut out, int shares) {
  expect_exact(Problem(s, signed_input, out), shares);
}

TEST_P(Pointwise, SumsAreExactForEveryFormOfOutput) {
  for (const PointwiseOut out : {PointwiseOut::U8, PointwiseOut::S8, PointwiseOut::F32})
    for (const bool signed_input : {false, true})
      for (const std::int64_t out_channels : {1, 8, 16, 23, 32, 40, 48, 56, 64, 70, 80, 96, 131, 144})
        expect_exact({41, 24, out_channels}, signed_input, out, 1);
}

TEST_P(Pointwise, SumsAreExactForAnyNumberOfPixelsAndChannels) {
  for (const std::int64_t pixels : {1, 2, 3, 7, 16, 49, 64, 196})
    for (const std::int64_t channels : {4, 12, 100})
      for (const std::int64_t out_channels : {16, 32, 48, 64})
        expect_exact({pixels, channels, out_channels}, false, PointwiseOut::U8, 1);
}

TEST_P(Pointwise, ResultsThatAreNotNegativeAndSaturate) {
  for (const std::int64_t out_channels : {16, 24, 48, 64, 96}) {
    Problem p({41, 24, out_channels}, false, PointwiseOut::U8);
    p.group.out_zero = 0;
    for (float& low : p.low) low = std::min(low, 0.0f);
    expect_exact(p, 1);
  }
}

TEST_P(Pointwise, AddsResiduals) {
  for (const PointwiseOut out : {PointwiseOut::U8, PointwiseOut::S8})
    for (const bool is_signed : {false, true})
      for (const std::int64_t out_channels : {8, 16, 24, 32, 48, 60, 64, 160}) {
        Problem p({41, 24, out_channels}, false, out);
        p.add_residual(is_signed);
        expect_exact(p, 1);
      }
  Problem real({9, 8, 16}, false, PointwiseOut::F32);
  real.add_residual(false);
  EXPECT_FALSE(plan_pointwise8(real.group));
}

TEST_P(Pointwise, LongInputsAreCutIntoBands) {
  expect_exact({1100, 16, 96}, false, PointwiseOut::U8, 1);
  expect_exact({150, 4000, 20}, true, PointwiseOut::S8, 1);
}

TEST_P(Pointwise, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const int shares : {1, 2, 3, 7}) {
    expect_exact({49, 40, 200}, false, PointwiseOut::U8, shares);
    expect_exact({1100, 16, 40}, true, PointwiseOut::U8, shares);
    expect_exact({3, 8, 16}, false, PointwiseOut::U8, shares);
  }
}

TEST_P(Pointwise, LeavesAloneWhatItCannotSum) {
  Problem uneven({9, 6, 16}, false, PointwiseOut::U8);
  EXPECT_FALSE(plan_pointwise8(uneven.group));
  Problem large({9, 8, 16}, false, PointwiseOut::U8);
  large.scale[5] = 1e7f;
  EXPECT_FALSE(plan_pointwise8(large.group));
  large.scale[5] = std::nanf("");
  EXPECT_FALSE(plan_pointwise8(large.group));
}

INSTANTIATE_TEST_SUITE_P(Isa, Pointwise, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
