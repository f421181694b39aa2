// 3×3 convolution by minimal filtering, every variant against sums in double: FP32 within 2^-17 of the numbers under a patch,
// BF16 rounded once, and the same bits for any number of threads.
#include "kernels/winograd/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/bfloat16.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class WinogradKernel : public EveryIsa {};

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Problem {
  WinogradShape shape;
  bool bf16, adds, bf16_out;
  float low = -kInf, high = kInf, slope = 1;
  std::vector<float> x, w, bias, residual;

  Problem(const WinogradShape& s, bool in_bf16, bool with_residual) : shape(s), bf16(in_bf16), adds(with_residual), bf16_out(in_bf16) {
    Rng rng(static_cast<std::uint64_t>(s.channels * 31 + s.width * 7 + s.out_channels));
    const auto fill = [&](std::vector<float>& v, std::int64_t count, double reach) {
      for (std::int64_t i = 0; i < count; ++i) v.push_back(held(static_cast<float>((rng.uniform() * 2 - 1) * reach)));
    };
    fill(x, s.batch * s.height * s.width * s.channels, 3);
    fill(w, s.out_channels * s.channels * 9, 1 / std::sqrt(9.0 * static_cast<double>(s.channels)));
    fill(bias, s.out_channels, 2);
    fill(residual, s.batch * s.out_height * s.out_width * s.out_channels, 2);
  }

  float held(float v) const { return bf16 ? static_cast<float>(BFloat16(v)) : v; }

  double expected(std::int64_t n, std::int64_t oy, std::int64_t ox, std::int64_t k) const {
    const WinogradShape& s = shape;
    double sum = bias[static_cast<std::size_t>(k)];
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 3; ++j) {
        const std::int64_t y = oy + i - s.top, at = ox + j - s.left;
        if (y < 0 || at < 0 || y >= s.height || at >= s.width) continue;
        for (std::int64_t c = 0; c < s.channels; ++c)
          sum += static_cast<double>(x[static_cast<std::size_t>(((n * s.height + y) * s.width + at) * s.channels + c)]) *
                 w[static_cast<std::size_t>((k * s.channels + c) * 9 + i * 3 + j)];
      }
    if (adds) sum += residual[index(n, oy, ox, k)];
    if (sum < 0) sum *= slope;
    return std::min<double>(std::max<double>(sum, low), high);
  }

  std::size_t index(std::int64_t n, std::int64_t y, std::int64_t x_at, std::int64_t k) const {
    return static_cast<std::size_t>(((n * shape.out_height + y) * shape.out_width + x_at) * shape.out_channels + k);
  }

  std::vector<std::byte> as_stored(const std::vector<float>& values) const {
    std::vector<std::byte> bytes(values.size() * (bf16 ? 2 : 4));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const BFloat16 half(values[i]);
      bf16 ? std::memcpy(&bytes[2 * i], &half.bits, 2) : std::memcpy(&bytes[4 * i], &values[i], 4);
    }
    return bytes;
  }

  std::vector<float> run(std::int64_t tile, int shares) const {
    struct alignas(64) Line {
      std::byte bytes[64];
    };
    const Winograd plan = plan_winograd(shape, tile, shares);
    std::vector<Line> packed(static_cast<std::size_t>(plan.weight_bytes / 64 + 1)),
        scratch(static_cast<std::size_t>(plan.scratch_bytes / 64 + 1));
    pack_winograd(plan, w.data(), packed[0].bytes);
    const auto src = as_stored(x), add = as_stored(residual);
    std::vector<std::byte> dst(residual.size() * (bf16_out ? 2 : 4));
    winograd(plan, {packed[0].bytes, src.data(), bias.data(), adds ? add.data() : nullptr, dst.data(), scratch[0].bytes, low,
                    high, slope, bf16, bf16_out});
    std::vector<float> y(residual.size());
    for (std::size_t i = 0; i < y.size(); ++i)
      if (bf16_out) {
        std::uint16_t bits;
        std::memcpy(&bits, &dst[2 * i], 2);
        y[i] = static_cast<float>(BFloat16::from_bits(bits));
      } else {
        std::memcpy(&y[i], &dst[4 * i], 4);
      }
    return y;
  }

  void check(std::int64_t tile) const {
    const std::vector<float> y = run(tile, 1);
    const WinogradShape& s = shape;
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t oy = 0; oy < s.out_height; ++oy)
        for (std::int64_t ox = 0; ox < s.out_width; ++ox)
          for (std::int64_t k = 0; k < s.out_channels; ++k) {
            const double t = expected(n, oy, ox, k);
            const double within = 3 * std::ldexp(1.0, -17) + (bf16_out ? std::fabs(t) / 256 : 0.0);
            ASSERT_NEAR(y[index(n, oy, ox, k)], t, within) << n << " " << oy << " " << ox << " " << k << " tile " << tile;
          }
  }
};

WinogradShape same(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t outputs) {
  WinogradShape s;
  s.batch = batch, s.height = s.out_height = height, s.width = s.out_width = width;
  s.channels = channels, s.out_channels = outputs, s.top = s.left = 1;
  return s;
}

WinogradShape uneven() {
  WinogradShape s = same(2, 9, 12, 20, 36);
  s.top = 0, s.left = 2, s.out_height = 8, s.out_width = 13;  // padding 0, 2, 1, 1
  return s;
}

TEST_P(WinogradKernel, IsTheConvolution) {
  for (const std::int64_t tile : {2, 4}) {
    Problem(same(1, 8, 8, 16, 16), false, false).check(tile);
    Problem(same(3, 7, 5, 33, 50), false, false).check(tile);
    Problem(same(1, 13, 30, 64, 48), false, false).check(tile);
    Problem(uneven(), false, true).check(tile);
  }
}

TEST_P(WinogradKernel, AddsCutsAndBends) {
  for (const std::int64_t tile : {2, 4}) {
    Problem cuts(same(1, 10, 11, 24, 40), false, true);
    cuts.low = 0, cuts.high = 1.5f;
    cuts.check(tile);
    Problem bends(same(1, 10, 11, 24, 40), false, true);
    bends.slope = -0.25f;
    bends.check(tile);
  }
}

TEST_P(WinogradKernel, RoundsToBf16Once) {
  for (const std::int64_t tile : {2, 4}) {
    Problem(uneven(), true, true).check(tile);
    Problem real(uneven(), true, false);
    real.bf16_out = false;
    real.check(tile);
  }
}

TEST_P(WinogradKernel, SameForAnyNumberOfThreads) {
  for (const auto& shape : {same(2, 30, 32, 16, 48), same(1, 7, 9, 64, 32)}) {
    const Problem problem(shape, false, true);
    set_threads(1);
    const auto one = problem.run(4, 1);
    set_threads(3);
    EXPECT_EQ(problem.run(4, 3), one);
  }
}

TEST_P(WinogradKernel, HandsNanOn) {
  Problem problem(same(1, 16, 16, 16, 16), false, false);
  problem.low = 0;
  problem.x[(5 * 16 + 6) * 16 + 3] = std::nanf("");
  const auto y = problem.run(4, 1);
  for (std::int64_t oy = 4; oy <= 6; ++oy)
    for (std::int64_t ox = 5; ox <= 7; ++ox) EXPECT_TRUE(std::isnan(y[problem.index(0, oy, ox, 0)]));
  EXPECT_FALSE(std::isnan(y[problem.index(0, 12, 12, 0)]));
}

INSTANTIATE_TEST_SUITE_P(All, WinogradKernel, kIsas, name_of);

TEST(WinogradTile, IsNoneForOtherForms) {
  for (const auto change : {+[](WinogradShape& s) { s.kernel_h = 5; }, +[](WinogradShape& s) { s.stride_w = 2; },
                            +[](WinogradShape& s) { s.dilation_h = 2; }, +[](WinogradShape& s) { s.channels = 3; }}) {
    WinogradShape s = same(1, 56, 56, 64, 64);
    EXPECT_EQ(winograd_tile(s, 1), 4);
    change(s);
    EXPECT_EQ(winograd_tile(s, 1), 0);
  }
  EXPECT_EQ(winograd_tile(same(1, 14, 14, 512, 512), 1), 2);
  EXPECT_EQ(winograd_tile(same(1, 2, 2, 512, 512), 1), 0);
}

}  // namespace
}  // namespace inc::kernels
