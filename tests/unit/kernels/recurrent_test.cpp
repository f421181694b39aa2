#include "kernels/recurrent/recurrent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/base/rng.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/every_isa.h"

namespace inc::kernels {
namespace {

class Recurrent : public EveryIsa {};

TEST_P(Recurrent, ProductsAreAddedRowByRowAndNothingElseIsTouched) {
  Rng rng(7);
  constexpr std::int64_t k = 37, pitch = 128;
  for (const auto& [rows, n] : {std::pair<std::int64_t, std::int64_t>{1, 71}, {2, 71}, {3, 117}, {4, 117}, {4, 48}}) {
    std::vector<float> x(static_cast<std::size_t>(rows * k)), w(static_cast<std::size_t>(k * n)),
        y(static_cast<std::size_t>(rows * pitch));
    for (auto* v : {&x, &w, &y})
      for (float& e : *v) e = static_cast<float>(2 * rng.uniform() - 1);
    const std::vector<float> before = y;
    const auto weight = [&, n = n](std::int64_t i, std::int64_t c) {
      const std::int64_t first = c / kProductPanel * kProductPanel, width = std::min(kProductPanel, n - first);
      return w[static_cast<std::size_t>(first * k + i * width + c - first)];
    };
    add_product(x.data(), w.data(), y.data(), rows, k, n, pitch);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < pitch; ++c) {
        const auto at = static_cast<std::size_t>(r * pitch + c);
        double sum = static_cast<double>(before[at]);
        for (std::int64_t i = 0; c < n && i < k; ++i)
          sum += static_cast<double>(x[static_cast<std::size_t>(r * k + i)]) * static_cast<double>(weight(i, c));
        EXPECT_NEAR(y[at], sum, c < n ? 4e-6 : 0.0) << "37 sums of at most 1 in FP32";
      }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Recurrent, kIsas, name_of);

}  // namespace
}  // namespace inc::kernels
