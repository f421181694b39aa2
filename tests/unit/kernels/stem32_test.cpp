// Images of few channels in FP32 and BF16, against sums in FP64.
#include "kernels/stem32/stem32.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/bfloat16.h"
#include "core/base/rng.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Stem32Test : public EveryIsa {};

using I64 = std::int64_t;

struct Problem {
  StemShape shape;
  bool bf16;
  std::vector<float> image, weights, bias;

  Problem(const StemShape& s, bool brain) : shape(s), bf16(brain) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.width * 17 + s.kernel_h));
    const auto some = [&] {
      const auto x = static_cast<float>(rng.uniform() * 2 - 1);
      return brain ? static_cast<float>(BFloat16(x)) : x;
    };
    const auto fill = [&](std::vector<float>& values, I64 count) {
      values.resize(static_cast<std::size_t>(count));
      for (float& v : values) v = some();
    };
    fill(image, s.batch * s.channels * s.height * s.width);
    fill(weights, s.out_channels * taps());
    fill(bias, s.out_channels);
  }
  I64 taps() const { return shape.channels * shape.kernel_h * shape.kernel_w; }

  double sum(I64 n, I64 oy, I64 ox, I64 c) const {
    const StemShape& s = shape;
    double sum = bias[static_cast<std::size_t>(c)];
    for (I64 in = 0; in < s.channels; ++in)
      for (I64 ky = 0; ky < s.kernel_h; ++ky)
        for (I64 kx = 0; kx < s.kernel_w; ++kx) {
          const I64 y = oy * s.stride_h - s.top + ky * s.dilation_h, x = ox * s.stride_w - s.left + kx;
          if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
          const I64 at = ((n * s.channels + in) * s.height + y) * s.width + x;
          const I64 w = ((c * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx;
          sum += static_cast<double>(image[static_cast<std::size_t>(at)]) * weights[static_cast<std::size_t>(w)];
        }
    return sum;
  }
};

std::vector<float> run(const Problem& p, int shares, float low, float high) {
  const Stem32 plan = plan_stem32(p.shape, p.bf16);
  std::vector<float> packed(static_cast<std::size_t>(plan.weight_count)), bias = p.bias;
  bias.resize(static_cast<std::size_t>(plan.lanes));
  pack_stem32(plan, p.weights.data(), packed.data());
  const auto count = static_cast<std::size_t>(p.shape.batch * p.shape.out_height * p.shape.out_width * p.shape.out_channels);
  const std::size_t number = p.bf16 ? 2 : 4;
  constexpr std::size_t kBehind = 64;
  std::vector<std::byte> dst(count * number + kBehind, std::byte{0x5a});
  std::vector<float> scratch(static_cast<std::size_t>(plan.scratch_bytes * shares) / sizeof(float));
  std::vector<BFloat16> narrow;
  for (const float x : p.image) narrow.push_back(BFloat16(x));
  const void* src = p.bf16 ? static_cast<const void*>(narrow.data()) : p.image.data();
  stem32(plan, {packed.data(), bias.data(), static_cast<const std::byte*>(src), dst.data(),
                reinterpret_cast<std::byte*>(scratch.data()), low, high, shares});
  for (std::size_t i = count * number; i < dst.size(); ++i) EXPECT_EQ(dst[i], std::byte{0x5a}) << "written behind";
  std::vector<float> result(count);
  for (std::size_t i = 0; i < count; ++i)
    if (p.bf16) {
      BFloat16 x;
      std::memcpy(&x, dst.data() + 2 * i, sizeof x);
      result[i] = static_cast<float>(x);
    } else {
      std::memcpy(&result[i], dst.data() + 4 * i, sizeof(float));
    }
  return result;
}

void expect_sums(const StemShape& s, int shares = 1) {
  for (const bool bf16 : {false, true}) {
    const Problem p(s, bf16);
    const float low = -0.5f, high = 1.5f;
    const std::vector<float> result = run(p, shares, low, high);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto n = static_cast<I64>(i);
      const I64 c = n % s.out_channels, pixel = n / s.out_channels, ox = pixel % s.out_width;
      const double want = p.sum(pixel / s.out_width / s.out_height, pixel / s.out_width % s.out_height, ox, c);
      const double bound = 0x1p-23 * static_cast<double>(p.taps() + 1) * static_cast<double>(p.taps() + 1);
      const double held = std::min(std::max(want, static_cast<double>(low)), static_cast<double>(high));
      ASSERT_NEAR(result[i], held, bound + (bf16 ? 0x1p-8 * std::abs(held) : 0.0)) << "at " << i << (bf16 ? " in BF16" : "");
    }
  }
}

StemShape shape(I64 batch, I64 height, I64 width, I64 channels, I64 out_channels, I64 kernel, I64 stride, I64 pad) {
  const auto out = [&](I64 in) { return (in + 2 * pad - kernel) / stride + 1; };
  return {batch,  height, width,  channels, out(height), out(width), out_channels,
          kernel, kernel, stride, stride,   1,           pad,        pad};
}

TEST_P(Stem32Test, SumsForAnyNumberOfChannels) {
  for (const I64 channels : {1, 2, 3, 4})
    for (const I64 out_channels : {1, 2, 4, 7, 8, 9, 16, 19, 32})
      expect_sums(shape(1, 9, 13, channels, out_channels, 3, 2, 1));
}

TEST_P(Stem32Test, RowsOfAnyLength) {
  for (const I64 kernel : {2, 3, 5})
    for (I64 width = 5; width < 40; ++width) expect_sums(shape(1, 6, width, 3, 8, kernel, 1, 1));
}

TEST_P(Stem32Test, WindowsOfAnySizeAndStride) {
  expect_sums(shape(1, 20, 30, 3, 8, 7, 2, 3));
  expect_sums(shape(2, 12, 75, 3, 6, 5, 1, 2));
  expect_sums(shape(1, 33, 33, 4, 8, 8, 4, 0));
  expect_sums(shape(1, 6, 6, 2, 5, 1, 3, 0));
  expect_sums({3, 49, 10, 1, 25, 10, 7, 10, 4, 2, 1, 1, 4, 1});
  expect_sums({1, 30, 9, 3, 12, 9, 8, 4, 3, 2, 1, 3, 2, 1});
  expect_sums({1, 1, 203, 1, 1, 199, 8, 1, 10, 1, 1, 1, 0, 3});
}

TEST_P(Stem32Test, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const int shares : {1, 2, 3, 7}) expect_sums(shape(2, 11, 17, 3, 8, 3, 2, 1), shares);
}

TEST_P(Stem32Test, HandsOnWhatIsNotANumber) {
  Problem p(shape(1, 5, 5, 3, 4, 3, 1, 1), false);
  p.image[12] = std::nanf("");
  const std::vector<float> result = run(p, 1, 0, 6);
  EXPECT_TRUE(std::isnan(result[12 * 4]));
  EXPECT_FALSE(std::isnan(result[0]));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Stem32Test, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
