// Products of rows in FP32, against sums in FP64.
#include "kernels/dense32/dense32.h"

#include <cmath>
#include <vector>

#include "core/base/rng.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

class Dense32Test : public EveryIsa {};

struct Problem {
  StemShape shape;
  bool turned = false;  ///< weights lie [in][out], as in MatMul
  std::vector<float> src, weights, bias, residual;

  explicit Problem(const StemShape& s, bool in_out = false) : shape(s), turned(in_out) {
    Rng rng(static_cast<std::uint64_t>(s.out_channels * 131 + s.channels * 17 + rows()));
    const auto fill = [&](std::vector<float>& values, I64 count) {
      values.resize(static_cast<std::size_t>(count));
      for (float& v : values) v = static_cast<float>(rng.uniform() * 2 - 1);
    };
    fill(src, s.batch * s.height * s.width * s.channels);
    fill(weights, s.out_channels * s.channels);
    fill(bias, s.out_channels);
    fill(residual, rows() * s.out_channels);
  }
  I64 rows() const { return shape.batch * shape.out_height * shape.out_width; }
  Dense32Weights packing() const {
    return turned ? Dense32Weights{weights.data(), 1, shape.out_channels}
                  : Dense32Weights{weights.data(), shape.channels, 1};
  }

  double sum(I64 row, I64 c) const {
    const StemShape& s = shape;
    const I64 x = row % s.out_width, y = row / s.out_width % s.out_height, n = row / s.out_width / s.out_height;
    const I64 from = ((n * s.height + y * s.stride_h) * s.width + x * s.stride_w) * s.channels;
    double sum = 0;
    for (I64 k = 0; k < s.channels; ++k) {
      const Dense32Weights w = packing();
      sum += static_cast<double>(src[static_cast<std::size_t>(from + k)]) * w.data[c * w.out + k * w.in];
    }
    return sum;
  }
};

struct Ends {
  bool bias = true, residual = true, in_place = false;
  float low = -2, high = 3, slope = 1;
};

std::vector<float> run(const Problem& p, const Ends& ends, int shares) {
  const Dense32 plan = plan_dense32(p.shape);
  struct alignas(64) Line {
    float numbers[16];
  };
  std::vector<Line> packed(static_cast<std::size_t>(plan.weight_count) / 16 + 1);
  pack_dense32(plan, p.packing(), packed[0].numbers);
  constexpr std::size_t kBehind = 16;
  std::vector<float> dst(p.residual.size() + kBehind, 123.0f);
  if (ends.in_place) std::copy(p.residual.begin(), p.residual.end(), dst.begin());
  const float* residual = !ends.residual ? nullptr : ends.in_place ? dst.data() : p.residual.data();
  dense32(plan, {packed[0].numbers, ends.bias ? p.bias.data() : nullptr, p.src.data(), residual, dst.data(), ends.low,
                 ends.high, ends.slope, shares});
  for (std::size_t i = p.residual.size(); i < dst.size(); ++i) EXPECT_EQ(dst[i], 123.0f) << "written behind";
  dst.resize(p.residual.size());
  return dst;
}

void expect_sums(const Problem& p, const Ends& ends = {}, int shares = 1) {
  const std::vector<float> result = run(p, ends, shares);
  const auto depth = static_cast<double>(p.shape.channels);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto at = static_cast<I64>(i);
    const I64 c = at % p.shape.out_channels;
    double want = p.sum(at / p.shape.out_channels, c);
    if (ends.bias) want += p.bias[static_cast<std::size_t>(c)];
    if (ends.residual) want += p.residual[i];
    if (want < 0) want *= ends.slope;
    want = std::min(std::max(want, static_cast<double>(ends.low)), static_cast<double>(ends.high));
    ASSERT_NEAR(result[i], want, 0x1p-24 * (depth + 2) * (depth + 2)) << "at " << i;
  }
}

StemShape strided(I64 batch, I64 size, I64 channels, I64 out, I64 stride) {
  const I64 width = size + 3, to = (size - 1) / stride + 1, to_width = (width - 1) / stride + 1;
  return {batch, size, width, channels, to, to_width, out, 1, 1, stride, stride};
}

TEST_P(Dense32Test, AnyNumberOfRowsAndChannels) {
  for (const I64 rows : {1, 2, 5, 6, 7, 13, 49, 128, 300})
    for (const I64 out : {1, 7, 8, 9, 16, 20, 24, 31, 40, 48}) expect_sums(Problem(product_shape(rows, 21, out)));
}

TEST_P(Dense32Test, RowsOfAnyDepthInAnyNumberOfBlocks) {
  for (const I64 depth : {1, 2, 3, 4, 5, 63, 64, 767, 768, 769, 1537, 3072})
    for (const bool turned : {false, true}) expect_sums(Problem(product_shape(17, depth, 37), turned));
}

TEST_P(Dense32Test, Strides) {
  for (const I64 stride : {1, 2, 3}) expect_sums(Problem(strided(2, 9, 20, 36, stride)));
  StemShape cut = strided(2, 9, 20, 36, 1);  // pixels at the end of each row are left out
  cut.out_width -= 2;
  expect_sums(Problem(cut));
}

TEST_P(Dense32Test, EveryEnd) {
  const Problem p(product_shape(23, 900, 44));
  for (const bool bias : {false, true})
    for (const bool residual : {false, true})
      for (const float slope : {1.0f, 0.1f, 0.0f}) expect_sums(p, {bias, residual, false, -INFINITY, INFINITY, slope});
  expect_sums(p, {true, true, true});
}

TEST_P(Dense32Test, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(2);
  for (const StemShape& s : {product_shape(300, 800, 40), product_shape(20, 800, 200), product_shape(3, 40, 17)}) {
    const Problem p(s);
    const std::vector<float> one = run(p, {}, 1);
    for (const int shares : {2, 3, 7}) EXPECT_EQ(run(p, {}, shares), one);
  }
}

TEST_P(Dense32Test, HandsOnWhatIsNotANumber) {
  Problem p(product_shape(8, 70, 33));
  p.src[70] = std::nanf("");
  const std::vector<float> result = run(p, {}, 1);
  for (std::size_t i = 0; i < result.size(); ++i) EXPECT_EQ(std::isnan(result[i]), i / 33 == 1) << i;
}

TEST(Dense32, IsForCpusWithoutAvx512) {
  EXPECT_EQ(faster_dense32(product_shape(128, 768, 768), false), isa() == Isa::Avx2);
  EXPECT_FALSE(faster_dense32(product_shape(1, 768, 768), false));
  StemShape window = strided(1, 9, 64, 64, 1);
  window.kernel_h = window.kernel_w = 3;
  EXPECT_FALSE(faster_dense32(window, false));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Dense32Test, ::testing::Values(IsaCase{Isa::Avx2}), name_of);

}  // namespace
}  // namespace inc::kernels
