#pragma once
// The tolerance policy: every comparison of tensors in the tests names one of these.
#include <gtest/gtest.h>

#include <cstdint>
#include <variant>

#include "core/ir/tensor.h"

namespace inc::testing {

/// The same bytes. The only tolerance for integers that were not quantized.
struct Exact {};
/// At most n representable numbers apart (float and double; -0 equals 0).
struct Ulp {
  std::int64_t n = 0;
};
/// A sum of k products of numbers up to amax in magnitude: 2 * eps * (k + 1) * amax^2.
struct Gemm {
  std::int64_t k = 1;
  double amax = 1;
};
/// n quantization steps; `step` is the scale for real tensors and 1 for integer ones.
struct QStep {
  std::int64_t n = 1;
  double step = 1;
};
/// Sum of squared differences over the sum of squares of the expected values.
struct Nmse {
  double limit = 0;
};
using Tolerance = std::variant<Exact, Ulp, Gemm, QStep, Nmse>;

/// Dtype and shape must agree whatever the tolerance; NaN equals NaN. The failure names the worst element.
::testing::AssertionResult agree(const ir::Tensor& actual, const ir::Tensor& expected, const Tolerance& tolerance);

/// Sum of squared differences over the sum of squares of `expected`.
double nmse(const ir::Tensor& actual, const ir::Tensor& expected);

}  // namespace inc::testing
