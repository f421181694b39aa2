// 3×3 convolution of 8-bit data by minimal filtering in integers against the scalar definition, bit-exact.
#include "kernels/winograd/winograd8.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/parallel.h"
#include "tests/unit/kernels/dense_problem.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Winograd8Kernel : public EveryIsa {};

using Problem = DenseProblem;
constexpr double kNeverDirect = 0.001;

void expect_exact(const Problem& p, int shares) {
  const auto plan = plan_winograd8(p.group, kNeverDirect, shares);
  ASSERT_TRUE(plan);
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  const auto lines = [](std::int64_t bytes) { return std::vector<Line>(static_cast<std::size_t>(bytes / 64 + 1)); };
  auto packed = lines(plan->tiles.weight_bytes), scratch = lines(plan->tiles.scratch_bytes);
  pack_winograd8(*plan, p.weights.data(), packed[0].bytes);
  constexpr std::size_t kBehind = 64;
  const auto bytes = static_cast<std::size_t>(p.pixels() * p.group.shape.out_channels) * (p.group.out == DenseOut::F32 ? 4 : 1);
  std::vector<std::byte> dst(bytes + kBehind, std::byte{0x5a});
  winograd8(*plan, {packed[0].bytes, reinterpret_cast<const std::byte*>(p.src.data()), p.residual_data(), dst.data(),
                    scratch[0].bytes, shares});
  p.expect_exact(dst.data());
  for (std::size_t i = bytes; i < dst.size(); ++i) ASSERT_EQ(dst[i], std::byte{0x5a}) << "written behind";
}

DenseShape same(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t channels,
                std::int64_t out_channels) {
  return windows(batch, height, width, channels, out_channels, 3, 1, 1);
}

TEST_P(Winograd8Kernel, SumsAreExactForEveryFormOfOutput) {
  for (const DenseOut out : {DenseOut::U8, DenseOut::S8, DenseOut::F32})
    for (const bool signed_input : {false, true})
      for (const std::int64_t out_channels : {16, 23, 70})
        expect_exact(Problem(same(1, 5, 6, 34, out_channels), signed_input, out), 1);
}

TEST_P(Winograd8Kernel, SumsAreExactForAnyShape) {
  for (const std::int64_t channels : {32, 50, 130})
    for (const std::int64_t width : {1, 4, 7})
      expect_exact(Problem(same(2, 5, width, channels, 32), false, DenseOut::U8), 1);
  expect_exact(Problem({2, 9, 12, 40, 8, 13, 20, 3, 3, 1, 1, 1, 0, 2}, true, DenseOut::U8), 1);
}

TEST_P(Winograd8Kernel, AddsResiduals) {
  for (const DenseOut out : {DenseOut::U8, DenseOut::S8})
    for (const DenseResidual type : {DenseResidual::U8, DenseResidual::S8, DenseResidual::F32})
      for (const std::int64_t out_channels : {16, 24}) {
        Problem p(same(1, 7, 6, 32, out_channels), false, out);
        p.add_residual(type);
        expect_exact(p, 1);
      }
}

TEST_P(Winograd8Kernel, ResultsDoNotDependOnTheNumberOfShares) {
  set_threads(3);
  for (const int shares : {1, 2, 3}) {
    expect_exact(Problem(same(1, 9, 9, 32, 32), false, DenseOut::U8), shares);
    expect_exact(Problem(same(3, 30, 31, 32, 16), false, DenseOut::U8), shares);
  }
}

/// All weights of a channel and all data at their ends: the largest sums of the form.
TEST_P(Winograd8Kernel, SumsUpToTheLimitAreExact) {
  Problem p(same(1, 5, 5, 226, 16), false, DenseOut::F32);
  for (std::size_t i = 0; i < p.weights.size(); ++i) p.weights[i] = i % 2 == 0 ? -128 : 127;
  for (std::size_t i = 0; i < p.src.size(); ++i) p.src[i] = i % 2 == 0 ? 0 : 255;
  expect_exact(p, 1);
  Problem more(same(1, 5, 5, 230, 16), false, DenseOut::F32);
  for (std::int8_t& w : more.weights) w = -128;
  EXPECT_FALSE(plan_winograd8(more.group, kNeverDirect, 1));
}

TEST_P(Winograd8Kernel, LeavesAloneWhatItCannotSum) {
  const auto refused = [](const Problem& p) { return !plan_winograd8(p.group, kNeverDirect, 1); };
  EXPECT_TRUE(refused(Problem(windows(1, 8, 8, 32, 16, 3, 2, 1), false, DenseOut::U8)));
  EXPECT_TRUE(refused(Problem(windows(1, 8, 8, 32, 16, 5, 1, 2), false, DenseOut::U8)));
  EXPECT_TRUE(refused(Problem(same(1, 8, 8, 33, 16), false, DenseOut::U8)));
  Problem large(same(1, 8, 8, 32, 16), false, DenseOut::U8);
  large.scale[5] = 1e7f;
  EXPECT_TRUE(refused(large));
  large.scale[5] = std::nanf("");
  EXPECT_TRUE(refused(large));
  const Problem fine(same(1, 8, 8, 32, 16), false, DenseOut::U8);
  EXPECT_FALSE(plan_winograd8(fine.group, 1000, 1)) << "a direct convolution is faster";
}

INSTANTIATE_TEST_SUITE_P(Isa, Winograd8Kernel, kIsasAndVnni, name_of);

}  // namespace
}  // namespace inc::kernels
