#include "kernels/normalize/normalize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Normalize : public EveryIsa {};

TEST_P(Normalize, SoftmaxAcrossTakesEachColumnByItself) {
  Rng rng(5);
  for (const std::int64_t inner : {2, 17, 256, 601}) {
    const std::int64_t outer = 3, length = 7;
    std::vector<float> x(static_cast<std::size_t>(outer * length * inner)), y(x.size());
    for (float& v : x) v = static_cast<float>(40 * rng.uniform() - 20);
    x[0] = -std::numeric_limits<float>::infinity();
    softmax_across(x.data(), y.data(), outer, length, inner);
    for (std::int64_t o = 0; o < outer; ++o)
      for (std::int64_t c = 0; c < inner; ++c) {
        const auto at = [&](std::int64_t i) { return static_cast<std::size_t>((o * length + i) * inner + c); };
        double sum = 0;
        for (std::int64_t i = 0; i < length; ++i) sum += std::exp(static_cast<double>(x[at(i)]));
        for (std::int64_t i = 0; i < length; ++i)
          EXPECT_NEAR(y[at(i)], std::exp(static_cast<double>(x[at(i)])) / sum, 1e-6) << "exp of 3e-7, a few roundings";
      }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Normalize, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
