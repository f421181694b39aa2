#include "tests/support/approx.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace inc::testing {
namespace {

using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

std::vector<double> doubles(const ir::Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&](auto tag) {
    using T = decltype(tag);
    std::vector<double> out;
    for (const T value : tensor.values<T>()) {
      if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
        out.push_back(static_cast<float>(value));
      else
        out.push_back(static_cast<double>(value));
    }
    return out;
  });
}

template <class T, class Bits>
std::int64_t ordered(T value) {
  const auto bits = static_cast<std::int64_t>(std::bit_cast<Bits>(value));
  return bits < 0 ? static_cast<std::int64_t>(std::numeric_limits<Bits>::min()) - bits : bits;
}

double ulps(const ir::Tensor& like, double a, double b) {
  if (a == b) return 0;
  if (like.dtype() == DType::Double)
    return std::abs(static_cast<double>(ordered<double, std::int64_t>(a)) -
                    static_cast<double>(ordered<double, std::int64_t>(b)));
  const auto x = ordered<float, std::int32_t>(static_cast<float>(a)),
             y = ordered<float, std::int32_t>(static_cast<float>(b));
  return std::abs(static_cast<double>(x - y));
}

template <class Distance>
AssertionResult elementwise(const ir::Tensor& actual, const ir::Tensor& expected, double limit, const char* unit,
                            Distance&& distance) {
  const auto a = doubles(actual), e = doubles(expected);
  std::size_t worst = 0, bad = 0;
  double worst_distance = -1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(e[i])) continue;
    double d = distance(a[i], e[i]);
    if (std::isnan(d)) d = std::numeric_limits<double>::infinity();
    if (d > limit) ++bad;
    if (d > worst_distance) worst_distance = d, worst = i;
  }
  if (bad == 0) return AssertionSuccess();
  return AssertionFailure() << fmt::format(
             "{} of {} elements differ by more than {} {}; worst at {}: {} found, {} expected ({} {})", bad, a.size(), limit,
             unit, worst, a[worst], e[worst], worst_distance, unit);
}

}  // namespace

double nmse(const ir::Tensor& actual, const ir::Tensor& expected) {
  const auto a = doubles(actual), e = doubles(expected);
  double error = 0, power = 0;
  for (std::size_t i = 0; i < e.size(); ++i) {
    error += (a[i] - e[i]) * (a[i] - e[i]);
    power += e[i] * e[i];
  }
  if (error == 0) return 0;
  return power > 0 ? error / power : std::numeric_limits<double>::infinity();
}

AssertionResult agree(const ir::Tensor& actual, const ir::Tensor& expected, const Tolerance& tolerance) {
  if (!actual.defined() || !expected.defined()) return AssertionFailure() << "a tensor is undefined";
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape())
    return AssertionFailure() << actual.type().to_string() << " found, " << expected.type().to_string() << " expected";
  return std::visit(
      [&](const auto& t) -> AssertionResult {
        using T = std::decay_t<decltype(t)>;
        if constexpr (std::is_same_v<T, Exact>) {
          if (identical(actual, expected)) return AssertionSuccess();
          const auto difference = [](double a, double b) { return std::abs(a - b); };
          const auto result = elementwise(actual, expected, 0, "", difference);
          return result ? AssertionFailure() << "the bytes differ (NaN payload or sign of zero)" : result;
        } else if constexpr (std::is_same_v<T, Ulp>) {
          return elementwise(actual, expected, static_cast<double>(t.n), "ulp",
                             [&](double a, double b) { return ulps(expected, a, b); });
        } else if constexpr (std::is_same_v<T, Gemm>) {
          const double limit = 2 * std::numeric_limits<float>::epsilon() * static_cast<double>(t.k + 1) * t.amax * t.amax;
          return elementwise(actual, expected, limit, "", [](double a, double b) { return a == b ? 0 : std::abs(a - b); });
        } else if constexpr (std::is_same_v<T, QStep>) {
          constexpr double kRounding = 1e-3;
          return elementwise(actual, expected, static_cast<double>(t.n) + kRounding, "steps",
                             [&](double a, double b) { return a == b ? 0 : std::abs(a - b) / t.step; });
        } else {
          const double found = nmse(actual, expected);
          if (found <= t.limit) return AssertionSuccess();
          return AssertionFailure() << fmt::format("normalized squared error {} found, at most {} expected", found, t.limit);
        }
      },
      tolerance);
}

}  // namespace inc::testing
