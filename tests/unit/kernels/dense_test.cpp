// Convolution of 8-bit data in one group against the scalar definition, bit-exact.
#include "kernels/dense/dense.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/dense_problem.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Dense : public EveryIsa {};

using Problem = DenseProblem;

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
  p.expect_exact(dst.data());
  for (std::size_t i = count * number; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0x5a}) << "written behind";
}

void expect_exact(const DenseShape& s, bool signed_input, DenseOut out, int shares) {
  expect_exact(Problem(s, signed_input, out), shares);
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
