// Convolution of 8-bit data in one group against the scalar definition, bit-exact.
#include "kernels/dense/dense.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/channel_arrays.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Dense : public EveryIsa {};

/// A group with its arrays and data of the full range.
struct Problem : ChannelArrays {
  DenseGroup group;
  std::vector<std::uint8_t> src, residual;
  std::vector<float> numbers;

  Problem(const DenseShape& s, bool signed_input, DenseOut out) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.width * 17 + s.channels));
    const auto some = [&](double from, double to) { return static_cast<float>(from + rng.uniform() * (to - from)); };
    fill(s.out_channels, s.channels * s.kernel_h * s.kernel_w, some);
    for (std::int64_t i = 0; i < s.batch * s.height * s.width * s.channels; ++i)
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
             out == DenseOut::S8 ? -5 : 40};
  }

  void add_residual(DenseResidual type) {
    Rng rng(7);
    for (std::int64_t i = 0; i < pixels() * group.shape.out_channels; ++i) {
      residual.push_back(static_cast<std::uint8_t>(rng.uniform() * 256));
      const float wild[] = {std::nanf(""), 1e30f, -std::numeric_limits<float>::infinity()};
      numbers.push_back(i % 13 == 5 ? wild[i % 3] : static_cast<float>(rng.uniform() * 300 - 150));
    }
    group.residual = type;
    group.residual_scale = 0.31f;
  }
  const std::byte* residual_data() const {
    const void* data = group.residual == DenseResidual::F32 ? static_cast<const void*>(numbers.data()) : residual.data();
    return static_cast<const std::byte*>(data);
  }

  std::int64_t pixels() const { return group.shape.batch * group.shape.out_height * group.shape.out_width; }

  float scaled(std::int64_t pixel, std::int64_t c) const {
    const DenseShape& s = group.shape;
    const std::int64_t ox = pixel % s.out_width, oy = pixel / s.out_width % s.out_height,
                       n = pixel / s.out_width / s.out_height;
    std::int32_t sum = 0;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel_w; ++kx)
        for (std::int64_t in = 0; in < s.channels; ++in) {
          const std::int64_t y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx;
          if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
          const std::uint8_t byte = src[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + in)];
          const std::int32_t q = group.signed_input ? static_cast<std::int8_t>(byte) : byte;
          sum += (q - group.input_zero) *
                 weights[static_cast<std::size_t>(((c * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx)];
        }
    const auto at = static_cast<std::size_t>(c);
    const float t = std::fma(static_cast<float>(sum), scale[at], shift[at]);
    if (group.residual == DenseResidual::None) return t;
    const auto place = static_cast<std::size_t>(pixel * group.shape.out_channels + c);
    const float q = group.residual == DenseResidual::S8 ? static_cast<float>(static_cast<std::int8_t>(residual[place]))
                                                        : static_cast<float>(residual[place]);
    const float sum_with = std::fma(group.residual == DenseResidual::F32 ? numbers[place] : q, group.residual_scale, t);
    return std::isnan(sum_with) ? 0.0f : sum_with;
  }

  std::int32_t rounded(float v) const {
    const bool is_signed = group.out == DenseOut::S8;
    const std::int32_t q = static_cast<std::int32_t>(std::nearbyint(std::clamp(v, -1000.0f, 1000.0f))) + group.out_zero;
    return std::clamp(q, is_signed ? -128 : 0, is_signed ? 127 : 255);
  }
};

void expect_exact(const Problem& p, int shares) {
  const DenseShape& s = p.group.shape;
  const DenseOut out = p.group.out;
  const auto plan = plan_dense8(p.group);
  ASSERT_EQ(plan.has_value(), has_vnni());
  if (!plan) return;
  constexpr std::size_t kBehind = 64;
  const std::size_t number = out == DenseOut::F32 ? 4 : 1, count = static_cast<std::size_t>(p.pixels() * s.out_channels);
  std::vector<DenseBlock> packed(static_cast<std::size_t>(plan->weight_bytes) / sizeof(DenseBlock) + 1);
  auto* weights = reinterpret_cast<std::byte*>(packed.data());
  pack_dense8(*plan, p.weights.data(), weights);
  std::vector<std::byte> dst(count * number + kBehind, std::byte{0x5a});
  std::vector<std::byte> scratch(static_cast<std::size_t>(plan->scratch_bytes * shares));
  dense8(*plan,
         {weights, reinterpret_cast<const std::byte*>(p.src.data()), p.residual_data(), dst.data(), scratch.data(), shares});
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::int64_t>(i);
    const std::int64_t c = n % s.out_channels, pixel = n / s.out_channels;
    const float t = p.scaled(pixel, c), low = p.low[static_cast<std::size_t>(c)], high = p.high[static_cast<std::size_t>(c)];
    const auto at = [&] {
      return ::testing::Message() << "channel " << c << " of " << s.out_channels << " at pixel " << pixel << " of "
                                  << p.pixels() << ", " << s.channels << " channels in";
    };
    if (out == DenseOut::F32) {
      ASSERT_EQ(reinterpret_cast<const float*>(dst.data())[i], std::min(std::max(t, low), high)) << at();
      continue;
    }
    const std::int32_t want = std::min(std::max(p.rounded(t), p.rounded(low)), p.rounded(high));
    const std::int32_t got = out == DenseOut::S8 ? static_cast<std::int8_t>(dst[i]) : static_cast<std::uint8_t>(dst[i]);
    ASSERT_EQ(got, want) << at();
  }
  for (std::size_t i = count * number; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0x5a}) << "written behind";
}

void expect_exact(const DenseShape& s, bool signed_input, DenseOut out, int shares) {
  expect_exact(Problem(s, signed_input, out), shares);
}

DenseShape points(std::int64_t pixels, std::int64_t channels, std::int64_t out_channels) {
  return {1, 1, pixels, channels, 1, pixels, out_channels};
}

DenseShape windows(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels,
                   std::int64_t out_channels, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const auto out = [&](std::int64_t in) { return (in + 2 * pad - kernel) / stride + 1; };
  return {batch,  height, width,  channels, out(height), out(width), out_channels,
          kernel, kernel, stride, stride,   1,           pad,        pad};
}

TEST_P(Dense, SumsAreExactForEveryFormOfOutput) {
  for (const DenseOut out : {DenseOut::U8, DenseOut::S8, DenseOut::F32})
    for (const bool signed_input : {false, true})
      for (const std::int64_t out_channels : {1, 8, 16, 23, 32, 40, 48, 56, 64, 70, 80, 96, 131, 144})
        expect_exact(points(41, 24, out_channels), signed_input, out, 1);
}

TEST_P(Dense, SumsAreExactForAnyNumberOfPixelsAndChannels) {
  for (const std::int64_t pixels : {1, 2, 3, 7, 16, 49, 64, 196})
    for (const std::int64_t channels : {4, 12, 100})
      for (const std::int64_t out_channels : {16, 32, 48, 64})
        expect_exact(points(pixels, channels, out_channels), false, DenseOut::U8, 1);
}

TEST_P(Dense, ResultsThatAreNotNegativeAndSaturate) {
  for (const std::int64_t out_channels : {16, 24, 48, 64, 96}) {
    Problem p(points(41, 24, out_channels), false, DenseOut::U8);
    p.group.out_zero = 0;
    for (float& low : p.low) low = std::min(low, 0.0f);
    expect_exact(p, 1);
    p.add_residual(DenseResidual::U8);
    expect_exact(p, 1);
  }
}

TEST_P(Dense, AddsResiduals) {
  for (const DenseOut out : {DenseOut::U8, DenseOut::S8})
    for (const DenseResidual type : {DenseResidual::U8, DenseResidual::S8, DenseResidual::F32})
      for (const std::int64_t out_channels : {8, 16, 24, 32, 48, 60, 64, 160}) {
        Problem p(points(41, 24, out_channels), false, out);
        p.add_residual(type);
        expect_exact(p, 1);
      }
  Problem real(points(9, 8, 16), false, DenseOut::F32);
  real.add_residual(DenseResidual::U8);
  EXPECT_FALSE(plan_dense8(real.group));
}

TEST_P(Dense, LongInputsAreCutIntoBands) {
  expect_exact(points(1100, 16, 96), false, DenseOut::U8, 1);
  expect_exact(points(150, 4000, 20), true, DenseOut::S8, 1);
}

TEST_P(Dense, WindowsOfAnySizeAndStride) {
  for (const std::int64_t width : {3, 7, 8, 16, 21, 32})
    for (const std::int64_t out_channels : {16, 32, 48, 64})
      for (const std::int64_t stride : {1, 2})
        expect_exact(windows(2, 5, width, 8, out_channels, 3, stride, 1), false, DenseOut::U8, 1);
  expect_exact(windows(2, 9, 75, 12, 24, 5, 1, 2), false, DenseOut::U8, 1);
  expect_exact(windows(1, 20, 21, 4, 70, 7, 3, 0), true, DenseOut::S8, 1);
  expect_exact(windows(3, 9, 11, 20, 40, 1, 2, 0), true, DenseOut::F32, 1);
  expect_exact({1, 30, 9, 8, 12, 9, 20, 4, 3, 2, 1, 3, 2, 1}, false, DenseOut::U8, 1);
  expect_exact({1, 4, 4, 8, 5, 6, 20, 3, 3, 1, 1, 1, 2, 3}, true, DenseOut::U8, 1);
  Problem residual(windows(2, 8, 8, 16, 16, 3, 1, 1), false, DenseOut::U8);
  residual.add_residual(DenseResidual::U8);
  expect_exact(residual, 1);
}

TEST_P(Dense, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const int shares : {1, 2, 3, 7}) {
    expect_exact(windows(2, 11, 17, 8, 40, 3, 1, 1), false, DenseOut::U8, shares);
    expect_exact(windows(3, 7, 7, 8, 16, 3, 2, 1), true, DenseOut::U8, shares);
    expect_exact(points(49, 40, 200), false, DenseOut::U8, shares);
    expect_exact(points(1100, 16, 40), true, DenseOut::U8, shares);
    expect_exact(points(3, 8, 16), false, DenseOut::U8, shares);
  }
}

TEST_P(Dense, LeavesAloneWhatItCannotSum) {
  Problem uneven(points(9, 6, 16), false, DenseOut::U8);
  EXPECT_FALSE(plan_dense8(uneven.group));
  Problem large(points(9, 8, 16), false, DenseOut::U8);
  large.scale[5] = 1e7f;
  EXPECT_FALSE(plan_dense8(large.group));
  large.scale[5] = std::nanf("");
  EXPECT_FALSE(plan_dense8(large.group));
}

INSTANTIATE_TEST_SUITE_P(Isa, Dense, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
