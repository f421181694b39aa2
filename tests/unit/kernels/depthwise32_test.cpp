// Depthwise convolution in FP32, against sums in FP64.
#include "kernels/depthwise32/depthwise32.h"

#include <cmath>
#include <vector>

#include "core/base/rng.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

class Depthwise32Test : public EveryIsa {};

struct Problem {
  DepthwiseShape shape;
  std::vector<float> src, weights, bias;

  explicit Problem(const DepthwiseShape& s) : shape(s) {
    Rng rng(static_cast<std::uint64_t>(s.channels * 131 + s.width * 17 + s.kernel_h));
    const auto fill = [&](std::vector<float>& values, I64 count) {
      values.resize(static_cast<std::size_t>(count));
      for (float& v : values) v = static_cast<float>(rng.uniform() * 2 - 1);
    };
    fill(src, s.batch * s.height * s.width * s.channels);
    fill(weights, s.kernel_h * s.kernel_w * s.channels);
    fill(bias, s.channels);
  }

  double sum(I64 n, I64 oy, I64 ox, I64 c) const {
    const DepthwiseShape& s = shape;
    double sum = bias[static_cast<std::size_t>(c)];
    for (I64 ky = 0; ky < s.kernel_h; ++ky)
      for (I64 kx = 0; kx < s.kernel_w; ++kx) {
        const I64 y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx * s.dilation_w;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
        const I64 at = ((n * s.height + y) * s.width + x) * s.channels + c, w = (ky * s.kernel_w + kx) * s.channels + c;
        sum += static_cast<double>(src[static_cast<std::size_t>(at)]) * weights[static_cast<std::size_t>(w)];
      }
    return sum;
  }
};

struct Ends {
  float low = -0.5f, high = 1.5f, slope = 1;
};

std::vector<float> run(const Problem& p, const Ends& ends, int shares) {
  const DepthwiseShape& s = p.shape;
  const Depthwise32 plan = plan_depthwise32(s);
  constexpr std::size_t kBehind = 16;
  const auto count = static_cast<std::size_t>(s.batch * s.out_height * s.out_width * s.channels);
  std::vector<float> dst(count + kBehind, 123.0f);
  depthwise32(plan, {p.weights.data(), p.bias.data(), p.src.data(), dst.data(), ends.low, ends.high, ends.slope, shares});
  for (std::size_t i = count; i < dst.size(); ++i) EXPECT_EQ(dst[i], 123.0f) << "written behind";
  dst.resize(count);
  return dst;
}

void expect_sums(const DepthwiseShape& s, const Ends& ends = {}, int shares = 1) {
  const Problem p(s);
  const std::vector<float> result = run(p, ends, shares);
  const auto taps = static_cast<double>(s.kernel_h * s.kernel_w + 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto n = static_cast<I64>(i);
    const I64 pixel = n / s.channels, ox = pixel % s.out_width, row = pixel / s.out_width;
    double want = p.sum(row / s.out_height, row % s.out_height, ox, n % s.channels);
    if (want < 0) want *= ends.slope;
    want = std::min(std::max(want, static_cast<double>(ends.low)), static_cast<double>(ends.high));
    ASSERT_NEAR(result[i], want, 0x1p-23 * taps * taps) << "at " << i;
  }
}

DepthwiseShape shape(I64 batch, I64 height, I64 width, I64 channels, I64 kernel, I64 stride, I64 pad, I64 dilation = 1) {
  const auto out = [&](I64 in) { return (in + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1; };
  return {batch,  height, width,  channels, out(height), out(width), kernel,
          kernel, stride, stride, dilation, dilation,    pad,        pad};
}

TEST_P(Depthwise32Test, AnyNumberOfChannels) {
  for (const I64 channels : {16, 17, 23, 24, 32, 40, 276, 384, 385, 800, 1001})
    for (const I64 stride : {1, 2}) expect_sums(shape(1, 5, 7, channels, 3, stride, 1));
}

TEST_P(Depthwise32Test, RowsOfAnyLength) {
  for (I64 width = 1; width < 20; ++width)
    for (const I64 kernel : {3, 5}) expect_sums(shape(1, 4, width, 16, kernel, 1, kernel / 2));
}

TEST_P(Depthwise32Test, WindowsOfAnySizeStrideAndDilation) {
  for (const I64 kernel : {1, 2, 3, 4, 7, 8})
    for (const I64 stride : {1, 2, 3})
      for (const I64 dilation : {1, 2}) expect_sums(shape(2, 17, 19, 21, kernel, stride, 2, dilation));
  expect_sums({1, 12, 9, 20, 12, 9, 3, 3, 1, 1, 3, 1, 3, 1});
  expect_sums({1, 9, 30, 16, 3, 28, 3, 3, 3, 1, 1, 1, 0, 0});
  expect_sums({1, 6, 40, 16, 6, 17, 1, 8, 1, 2, 1, 1, 0, 0});
  expect_sums({1, 3, 3, 16, 9, 9, 3, 3, 1, 1, 1, 1, 4, 4});
}

TEST_P(Depthwise32Test, EveryEnd) {
  for (const float slope : {1.0f, 0.1f, 0.0f}) expect_sums(shape(1, 6, 6, 24, 3, 1, 1), {-INFINITY, INFINITY, slope});
}

TEST_P(Depthwise32Test, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const DepthwiseShape& s : {shape(2, 9, 9, 40, 3, 1, 1), shape(1, 2, 5, 1000, 3, 2, 1)}) {
    const Problem p(s);
    const std::vector<float> one = run(p, {}, 1);
    for (const int shares : {2, 3, 7}) EXPECT_EQ(run(p, {}, shares), one);
  }
}

TEST_P(Depthwise32Test, HandsOnWhatIsNotANumber) {
  Problem p(shape(1, 5, 5, 16, 3, 1, 1));
  p.src[12 * 16] = std::nanf("");
  const std::vector<float> result = run(p, {0, 6}, 1);
  EXPECT_TRUE(std::isnan(result[12 * 16]));
  EXPECT_FALSE(std::isnan(result[0]));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Depthwise32Test, ::testing::Values(IsaCase{Isa::Avx2}), name_of);

}  // namespace
}  // namespace inc::kernels
