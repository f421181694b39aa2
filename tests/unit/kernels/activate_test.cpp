// Smooth activations, every variant against the definition in double precision.
#include "kernels/activate/activate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Activate : public EveryIsa {};

constexpr Smooth kAll[] = {Smooth::Sigmoid, Smooth::Silu, Smooth::Gelu, Smooth::GeluTanh};

double exact(Smooth how, double x) {
  switch (how) {
    case Smooth::Sigmoid:
      return 1 / (1 + std::exp(-x));
    case Smooth::Silu:
      return x / (1 + std::exp(-x));
    case Smooth::Gelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Smooth::GeluTanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  }
  return 0;
}

std::vector<float> numbers(std::size_t count) {
  std::vector<float> x(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = 24.0f * (static_cast<float>(i) / static_cast<float>(count) - 0.5f);
  return x;
}

TEST_P(Activate, IsCloseToTheExactValue) {
  for (const Smooth how : kAll) {
    std::vector<float> x = numbers(100'003);
    for (const float v : {-1e9f, -200.0f, -90.0f, -0.0f, 0.0f, 1e-30f, 90.0f, 200.0f, 1e9f}) x.push_back(v);
    std::vector<float> y(x.size());
    activate(how, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto v = static_cast<double>(x[i]);
      ASSERT_NEAR(static_cast<double>(y[i]), exact(how, v), 3e-7 * (1 + std::fabs(v))) << static_cast<int>(how) << " " << v;
    }
  }
}

TEST_P(Activate, HandsOnNanAndVanishesFarToTheLeft) {
  for (const Smooth how : kAll) {
    float x[] = {std::numeric_limits<float>::quiet_NaN(), -1e6f}, y[2];
    activate(how, x, y, 2);
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_NEAR(y[1], 0.0f, 1e-30f);
  }
}

TEST_P(Activate, RoundsToBf16And8BitsLikeAPassOfItsOwn) {
  for (const Smooth how : kAll)
    for (const std::size_t count : {1, 15, 16, 1023, 1025, 5000}) {
      std::vector<float> x = numbers(count), y(count);
      const auto n = static_cast<std::int64_t>(count);
      activate(how, x.data(), y.data(), n);
      std::vector<BFloat16> half(count);
      activate(how, x.data(), half.data(), n);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(half[i].bits, BFloat16(y[i]).bits);
      for (const Affine8 as : {Affine8{0.031f, 11, false}, Affine8{0.05f, -100, true}}) {
        std::vector<std::byte> got(count), want(count);
        activate(how, x.data(), got.data(), n, as);
        quantize(y.data(), want.data(), n, as);
        ASSERT_EQ(got, want);
      }
    }
}

TEST_P(Activate, PutsChannelsOnTheirLines) {
  for (const Smooth how : kAll)
    for (const std::int64_t channels : {1, 3, 16, 40, 1024, 1100})
      for (const std::int64_t rows : {1, 2, 77}) {
        const auto count = static_cast<std::size_t>(rows * channels);
        std::vector<float> x = numbers(count), y(count), factor, shift;
        for (std::int64_t c = 0; c < channels; ++c) {
          factor.push_back(0.5f + static_cast<float>(c % 7));
          shift.push_back(c % 2 == 0 ? -0.0f : 1.5f);
        }
        activate(how, x.data(), y.data(), rows * channels);
        for (const Affine8 as : {Affine8{0.031f, 11, false}, Affine8{0.05f, -100, true}}) {
          std::vector<std::byte> got(count), want(count);
          const ChannelLines lines{factor.data(), shift.data(), -2.0f};
          activate(how, x.data(), got.data(), rows, channels, lines, as);
          quantize_lines(y.data(), want.data(), rows, channels, 1, lines, as);
          ASSERT_EQ(got, want) << rows << " of " << channels;
        }
      }
}

TEST_P(Activate, DoesNotDependOnTheNumberOfThreads) {
  const std::vector<float> x = numbers(70'001);
  const auto n = static_cast<std::int64_t>(x.size());
  for (const Smooth how : kAll) {
    std::vector<float> one(x.size()), two = x;
    set_threads(1);
    activate(how, x.data(), one.data(), n);
    set_threads(2);
    activate(how, two.data(), two.data(), n);
    ASSERT_EQ(one, two);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Activate, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
