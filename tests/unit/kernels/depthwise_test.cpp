// Depthwise convolution of 8-bit data, every variant against the scalar definition: integers and FP32 output bit-exact.
#include "kernels/depthwise/depthwise.h"

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

class Depthwise : public EveryIsa {};

/// A group with its arrays: random numbers of the full range, channels that saturate, bounds that cut.
struct Problem {
  DepthwiseGroup group;
  std::vector<std::int8_t> weights;
  std::vector<float> scale, shift, low, high;
  std::vector<std::uint8_t> src;

  Problem(const DepthwiseShape& shape, bool signed_input, DepthwiseOut out) {
    Rng rng(static_cast<std::uint64_t>(shape.channels * 131 + shape.width * 17 + shape.kernel_h));
    const auto some = [&](double low_end, double high_end) {
      return static_cast<float>(low_end + rng.uniform() * (high_end - low_end));
    };
    const float inf = std::numeric_limits<float>::infinity();
    const std::int64_t taps = shape.kernel_h * shape.kernel_w;
    for (std::int64_t i = 0; i < shape.channels * taps; ++i)
      weights.push_back(i % 5 == 0 ? static_cast<std::int8_t>(i % 2 == 0 ? -128 : 127)
                                   : static_cast<std::int8_t>(some(-128, 128)));
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      scale.push_back(c % 7 == 6 ? 0.5f : some(0.0005, 0.01) / static_cast<float>(taps));
      shift.push_back(some(-20, 20));
      low.push_back(c % 3 == 0 ? -inf : c % 3 == 1 ? 0.0f : -17.5f);
      high.push_back(c % 2 == 0 ? inf : 60.3f);
    }
    src.resize(static_cast<std::size_t>(shape.batch * shape.height * shape.width * shape.channels));
    for (std::size_t i = 0; i < src.size(); ++i) src[i] = i % 3 == 0 ? 255 : static_cast<std::uint8_t>(some(0, 256));
    group = {shape,        weights.data(),
             scale.data(), shift.data(),
             low.data(),   high.data(),
             signed_input, signed_input ? -3 : 117,
             out,          out == DepthwiseOut::S8 ? -5 : 40};
  }

  float scaled(std::int64_t n, std::int64_t oy, std::int64_t ox, std::int64_t c) const {
    const DepthwiseShape& s = group.shape;
    std::int32_t sum = 0;
    for (std::int64_t ky = 0; ky < s.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < s.kernel_w; ++kx) {
        const std::int64_t y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx * s.dilation_w;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
        const std::uint8_t q = src[static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + c)];
        const std::int32_t value = group.signed_input ? static_cast<std::int8_t>(q) : q;
        sum += (value - group.input_zero) * weights[static_cast<std::size_t>((c * s.kernel_h + ky) * s.kernel_w + kx)];
      }
    const auto at = static_cast<std::size_t>(c);
    return std::fma(static_cast<float>(sum), scale[at], shift[at]);
  }

  std::int32_t quantized(float t) const {
    const bool s8 = group.out == DepthwiseOut::S8;
    const float lo = static_cast<float>((s8 ? -128 : 0) - group.out_zero),
                hi = static_cast<float>((s8 ? 127 : 255) - group.out_zero);
    return static_cast<std::int32_t>(std::nearbyint(std::clamp(t, lo, hi))) + group.out_zero;
  }
};

void check(const Problem& problem, int shares = threads()) {
  const DepthwiseShape& s = problem.group.shape;
  const auto packed = pack_depthwise8(problem.group);
  ASSERT_TRUE(packed.has_value());
  const bool real = problem.group.out == DepthwiseOut::F32;
  const std::int64_t count = s.batch * s.out_height * s.out_width * s.channels;
  std::vector<std::byte> dst(static_cast<std::size_t>(count * (real ? 4 : 1)) + 64, std::byte{0xa5});
  std::vector<DepthwiseLine> scratch(static_cast<std::size_t>(shares * packed->scratch_bytes) / 64 + 1);
  depthwise8(*packed, reinterpret_cast<const std::byte*>(problem.src.data()), dst.data(), scratch.data()->bytes, shares);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t c = i % s.channels, ox = i / s.channels % s.out_width,
                       oy = i / s.channels / s.out_width % s.out_height, n = i / s.channels / s.out_width / s.out_height;
    const auto channel = static_cast<std::size_t>(c);
    const float t = problem.scaled(n, oy, ox, c), low = problem.low[channel], high = problem.high[channel];
    const auto at = [&] {
      return testing::Message() << "channel " << c << " of " << s.channels << " at " << oy << "," << ox;
    };
    if (real) {
      float found = 0;
      std::copy_n(dst.data() + i * 4, 4, reinterpret_cast<std::byte*>(&found));
      ASSERT_EQ(found, std::min(std::max(t, low), high)) << at();
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(dst[static_cast<std::size_t>(i)]);
    const std::int32_t found = problem.group.out == DepthwiseOut::S8 ? static_cast<std::int8_t>(byte) : byte;
    const std::int32_t expected = std::min(std::max(problem.quantized(t), problem.quantized(low)), problem.quantized(high));
    ASSERT_EQ(found, expected) << at();
  }
  for (std::size_t i = dst.size() - 64; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0xa5});
}

DepthwiseShape shape_of(std::int64_t channels, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                        std::int64_t dilation = 1) {
  DepthwiseShape s;
  s.batch = 2;
  s.height = size;
  s.width = size + 1;
  s.channels = channels;
  s.kernel_h = s.kernel_w = kernel;
  s.stride_h = s.stride_w = stride;
  s.dilation_h = s.dilation_w = dilation;
  s.top = s.left = (kernel - 1) * dilation / 2;
  s.out_height = (s.height + 2 * s.top - (kernel - 1) * dilation - 1) / stride + 1;
  s.out_width = (s.width + 2 * s.left - (kernel - 1) * dilation - 1) / stride + 1;
  return s;
}

TEST_P(Depthwise, IsExactForEveryChannelCountAroundVectorWidths) {
  for (const std::int64_t channels : {1, 3, 7, 8, 9, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 130, 144})
    for (const std::int64_t stride : {1, 2}) check(Problem(shape_of(channels, 6, 3, stride), false, DepthwiseOut::U8));
}

TEST_P(Depthwise, IsExactHoweverManyShareTheWork) {
  for (const std::int64_t size : {5, 40})
    for (const std::int64_t stride : {1, 2})
      for (const int shares : {1, 3, 16}) check(Problem(shape_of(300, size, 3, stride), false, DepthwiseOut::U8), shares);
}

TEST_P(Depthwise, IsExactForEveryWindow) {
  for (const std::int64_t kernel : {1, 2, 3, 4, 5, 7})
    for (const std::int64_t stride : {1, 2, 3})
      for (const std::int64_t dilation : {1, 2})
        check(Problem(shape_of(40, 13, kernel, stride, dilation), false, DepthwiseOut::U8));
}

TEST_P(Depthwise, IsExactForEveryTypeOfInputAndOutput) {
  for (const bool signed_input : {false, true})
    for (const DepthwiseOut out : {DepthwiseOut::U8, DepthwiseOut::S8, DepthwiseOut::F32})
      for (const std::int64_t channels : {5, 24, 40, 72})
        for (const std::int64_t stride : {1, 2}) check(Problem(shape_of(channels, 5, 3, stride), signed_input, out));
}

TEST_P(Depthwise, IsExactForResultsThatAreNotNegative) {
  for (const std::int64_t channels : {8, 16, 24, 40, 64, 80, 96, 120})
    for (const std::int64_t stride : {1, 2}) {
      Problem problem(shape_of(channels, 7, 3, stride), false, DepthwiseOut::U8);
      problem.group.out_zero = 0;
      for (float& low : problem.low) low = std::min(low, 0.0f);
      check(problem);
    }
}

TEST_P(Depthwise, IsExactForSmallImagesAndUnevenPadding) {
  for (const std::int64_t size : {1, 2, 3, 4})
    for (const std::int64_t channels : {32, 64})
      for (const std::int64_t pad : {0, 1, 2, 3}) {
        DepthwiseShape s = shape_of(channels, size, 3, 1);
        s.top = s.left = pad;
        s.out_height = s.height + 2 * pad - 2;
        s.out_width = s.width + 2 * pad - 2;
        if (s.out_height > 0 && s.out_width > 0) check(Problem(s, false, DepthwiseOut::U8));
      }
  for (const std::int64_t kernel_w : {1, 3, 5}) {
    DepthwiseShape s = shape_of(64, 7, 3, 1);
    s.kernel_w = kernel_w;
    s.stride_w = 2;
    s.top = 2;
    s.left = 0;
    s.out_height = 5;
    s.out_width = 4;
    check(Problem(s, false, DepthwiseOut::U8));
    s.kernel_w = 3;
    s.stride_h = 2;
    check(Problem(s, false, DepthwiseOut::U8));
  }
}

TEST_P(Depthwise, GivesTheSameForEveryNumberOfThreads) {
  const Problem problem(shape_of(144, 56, 3, 1), false, DepthwiseOut::U8);
  set_threads(2);
  check(problem);
}

TEST_P(Depthwise, RefusesScalesWhoseResultsLeaveTheIntegers) {
  Problem problem(shape_of(8, 4, 3, 1), false, DepthwiseOut::U8);
  problem.scale[3] = 1e20f;
  EXPECT_FALSE(pack_depthwise8(problem.group).has_value());
  problem.scale[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(pack_depthwise8(problem.group).has_value());
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Depthwise, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
