// Convolution of 8-bit data over few channels, every variant against the scalar definition: integers and FP32 output
// bit-exact, from 8-bit data and from FP32 images.
#include "kernels/stem/stem.h"

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

class Stem : public EveryIsa {};

constexpr float kScale = 0.037f;

/// A group with its arrays and data of the full range.
struct Problem : ChannelArrays {
  StemGroup group;
  std::vector<float> image;
  std::vector<std::int32_t> numbers;  // [batch][height][width][channels]

  Problem(const StemShape& s, bool signed_input, StemOut out) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.width * 17 + s.kernel_h));
    const auto some = [&](double from, double to) { return static_cast<float>(from + rng.uniform() * (to - from)); };
    fill(s.out_channels, s.channels * s.kernel_h * s.kernel_w, some);
    const std::int32_t zero = signed_input ? -3 : 117, least = signed_input ? -128 : 0;
    image.resize(static_cast<std::size_t>(s.batch * s.channels * s.height * s.width));
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = i % 11 == 0 ? 1e9f : i % 13 == 0 ? std::nanf("") : some(-6, 6);
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t p = 0; p < s.height * s.width; ++p)
        for (std::int64_t c = 0; c < s.channels; ++c) {
          const float x = image[static_cast<std::size_t>((n * s.channels + c) * s.height * s.width + p)] / kScale;
          const float held = std::isnan(x) ? 0.0f : std::clamp(x, -1000.0f, 1000.0f);
          numbers.push_back(std::clamp(static_cast<std::int32_t>(std::nearbyint(held)) + zero, least, least + 255));
        }
    group = {s,           weights.data(), scale.data(), shift.data(), low.data(),
             high.data(), signed_input,   zero,         out,          out == StemOut::S8 ? -5 : 40};
  }

  float scaled(std::int64_t n, std::int64_t oy, std::int64_t ox, std::int64_t c) const {
    const StemShape& s = group.shape;
    std::int32_t sum = 0;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel_w; ++kx)
        for (std::int64_t in = 0; in < s.channels; ++in) {
          const std::int64_t y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx;
          if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
          const std::int32_t q = numbers[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + in)];
          sum += (q - group.input_zero) *
                 weights[static_cast<std::size_t>(((c * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx)];
        }
    const auto at = static_cast<std::size_t>(c);
    return std::fma(static_cast<float>(sum), scale[at], shift[at]);
  }

  std::int32_t rounded(float v) const {
    const bool is_signed = group.out == StemOut::S8;
    const float held = std::clamp(v, -1000.0f, 1000.0f);
    const std::int32_t q = static_cast<std::int32_t>(std::nearbyint(held)) + group.out_zero;
    return std::clamp(q, is_signed ? -128 : 0, is_signed ? 127 : 255);
  }
};

void expect_exact(const Problem& p, int shares) {
  const StemShape& s = p.group.shape;
  const StemOut out = p.group.out;
  const auto packed = pack_stem8(p.group);
  ASSERT_TRUE(packed);
  constexpr std::size_t kBehind = 64;
  const std::size_t number = out == StemOut::F32 ? 4 : 1;
  const auto count = static_cast<std::size_t>(s.batch * s.out_height * s.out_width * s.out_channels);
  std::vector<StemLine> scratch(static_cast<std::size_t>(packed->scratch_bytes * shares / 64));
  std::vector<std::byte> src;
  for (const std::int32_t q : p.numbers) src.push_back(static_cast<std::byte>(q));
  for (const bool floats : {false, true}) {
    std::vector<std::byte> dst(count * number + kBehind, std::byte{0x5a});
    std::fill(scratch.begin(), scratch.end(), StemLine{});
    auto* work = reinterpret_cast<std::byte*>(scratch.data());
    if (floats)
      stem8(*packed, p.image.data(), kScale, dst.data(), work, shares);
    else
      stem8(*packed, src.data(), dst.data(), work, shares);
    for (std::size_t i = 0; i < count; ++i) {
      const auto n = static_cast<std::int64_t>(i);
      const std::int64_t c = n % s.out_channels, pixel = n / s.out_channels, ox = pixel % s.out_width;
      const float t = p.scaled(pixel / s.out_width / s.out_height, pixel / s.out_width % s.out_height, ox, c);
      const auto at = static_cast<std::size_t>(c);
      if (out == StemOut::F32) {
        ASSERT_EQ(reinterpret_cast<const float*>(dst.data())[i], std::min(std::max(t, p.low[at]), p.high[at]))
            << "at " << i << (floats ? " from FP32" : "");
        continue;
      }
      const std::int32_t want = std::min(std::max(p.rounded(t), p.rounded(p.low[at])), p.rounded(p.high[at]));
      const std::int32_t got = out == StemOut::S8 ? static_cast<std::int8_t>(dst[i]) : static_cast<std::uint8_t>(dst[i]);
      ASSERT_EQ(got, want) << "at " << i << (floats ? " from FP32" : "");
    }
    for (std::size_t i = count * number; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0x5a}) << "written behind";
  }
}

void expect_exact(const StemShape& s, bool signed_input, StemOut out, int shares) {
  expect_exact(Problem(s, signed_input, out), shares);
}

StemShape shape(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels,
                std::int64_t out_channels, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  const auto out = [&](std::int64_t in) { return (in + 2 * pad - kernel) / stride + 1; };
  return {batch,  height, width,  channels, out(height), out(width), out_channels,
          kernel, kernel, stride, stride,   1,           pad,        pad};
}

TEST_P(Stem, SumsAreExactForEveryFormOfOutput) {
  for (const StemOut out : {StemOut::U8, StemOut::S8, StemOut::F32})
    for (const bool signed_input : {false, true})
      for (const std::int64_t channels : {1, 2, 3, 4})
        for (const std::int64_t out_channels : {1, 8, 16, 23, 32, 48, 64, 70, 131})
          expect_exact(shape(1, 9, 13, channels, out_channels, 3, 2, 1), signed_input, out, 1);
}

TEST_P(Stem, ResultsThatAreNotNegativeAndSaturate) {
  for (const std::int64_t out_channels : {5, 16, 32, 48, 64, 131}) {
    Problem p(shape(1, 9, 41, 3, out_channels, 3, 1, 1), false, StemOut::U8);
    p.group.out_zero = 0;
    for (float& low : p.low) low = std::min(low, 0.0f);
    expect_exact(p, 1);
  }
}

TEST_P(Stem, RowsOfAnyLength) {
  for (const std::int64_t out_channels : {16, 32, 48, 64})
    for (std::int64_t width = 1; width < 30; ++width)
      expect_exact(shape(1, 4, width, 3, out_channels, 3, 1, 1), false, StemOut::U8, 1);
}

TEST_P(Stem, WindowsOfAnySizeAndStride) {
  expect_exact(shape(1, 20, 30, 3, 64, 7, 2, 3), false, StemOut::U8, 1);
  expect_exact(shape(2, 12, 75, 3, 24, 5, 1, 2), false, StemOut::U8, 1);
  expect_exact(shape(1, 33, 33, 4, 9, 8, 4, 0), true, StemOut::S8, 1);
  expect_exact(shape(1, 6, 6, 2, 5, 1, 3, 0), false, StemOut::F32, 1);
  expect_exact({3, 49, 10, 1, 25, 10, 70, 10, 4, 2, 1, 1, 4, 1}, false, StemOut::U8, 1);
  expect_exact({1, 30, 9, 3, 12, 9, 20, 4, 3, 2, 1, 3, 2, 1}, false, StemOut::U8, 1);
}

TEST_P(Stem, LongRowsAreCutIntoSegments) {
  expect_exact({2, 1, 2603, 1, 1, 520, 17, 1, 10, 1, 5, 1, 0, 4}, false, StemOut::U8, 1);
  expect_exact({1, 3, 1100, 3, 3, 1100, 4, 3, 3, 1, 1, 1, 1, 1}, true, StemOut::F32, 1);
}

TEST_P(Stem, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const int shares : {1, 2, 3, 7}) expect_exact(shape(2, 11, 17, 3, 40, 3, 2, 1), false, StemOut::U8, shares);
}

TEST_P(Stem, RefusesScalesThatLeaveInt32) {
  Problem p(shape(1, 5, 5, 3, 4, 3, 1, 1), false, StemOut::U8);
  p.scale[2] = 1e6f;
  EXPECT_FALSE(pack_stem8(p.group));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Stem, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
