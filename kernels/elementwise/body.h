// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

#include "kernels/exp.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;

template <class F>
inline __attribute__((always_inline)) void row(const float* a, const float* b, float* dst, I64 count, I64 sa, I64 sb, F f) {
  if (sa == 1 && sb == 1) {
#pragma GCC ivdep
    for (I64 i = 0; i < count; ++i) dst[i] = f(a[i], b[i]);
  } else if (sa == 1 && sb == 0) {
    const float y = *b;
#pragma GCC ivdep
    for (I64 i = 0; i < count; ++i) dst[i] = f(a[i], y);
  } else if (sa == 0 && sb == 1) {
    const float x = *a;
#pragma GCC ivdep
    for (I64 i = 0; i < count; ++i) dst[i] = f(x, b[i]);
  } else {
    for (I64 i = 0; i < count; ++i) dst[i] = f(a[i * sa], b[i * sb]);
  }
}

inline __attribute__((always_inline)) float squared(float x) {
  return x * x;
}

inline __attribute__((always_inline)) float three_quarters_of(float x) {
  const float root = __builtin_sqrtf(x);
  return __builtin_fabsf(x) == __builtin_inff() ? __builtin_inff() : root * __builtin_sqrtf(root);
}

// erf: x·P(x²) on [0, 1], 1 − exp(−Q(x)) on [1, 4], 1 beyond; polynomials fitted on Chebyshev nodes, error below 2e-7.
inline __attribute__((always_inline)) float erf_of(float x) {
  const float size = __builtin_fabsf(x), m = size > 4.0f ? 4.0f : size, s = size * size;
  float p = -0.00056541059f;
  p = p * s + 0.00492327753f;
  p = p * s - 0.026716385f;
  p = p * s + 0.112803645f;
  p = p * s - 0.376123488f;
  p = p * s + 1.12837911f;
  float q = -1.6140616e-06f;
  q = q * m + 4.55906229e-05f;
  q = q * m - 0.000592769531f;
  q = q * m + 0.00474022236f;
  q = q * m - 0.0263647176f;
  q = q * m + 0.109978244f;
  q = q * m + 0.631937087f;
  q = q * m + 1.13016665f;
  q = q * m - 0.00030321299f;
  const float far = __builtin_copysignf(1.0f - exp_of(-q), x);
  const float value = size < 1.0f ? x * p : far;
  return x == x ? value : x;
}

}  // namespace

#define INC_BINARY(name, expression)                                                                           \
  void binary_##name(const float* a, const float* b, float* dst, I64 count, I64 sa, I64 sb) noexcept {         \
    row(                                                                                                       \
        a, b, dst, count, sa, sb, [](float x, float y) __attribute__((always_inline)) { return expression; }); \
  }
INC_BINARY(add, x + y)
INC_BINARY(sub, x - y)
INC_BINARY(mul, (x * y))
INC_BINARY(div, x / y)
INC_BINARY(max, x != x ? x : (y != y ? y : (x > y ? x : y)))
INC_BINARY(min, x != x ? x : (y != y ? y : (x < y ? x : y)))
INC_BINARY(prelu, x < 0.0f ? x * y : x)
#undef INC_BINARY

#define INC_UNARY(name, expression)                                     \
  void unary_##name(const float* src, float* dst, I64 count) noexcept { \
    _Pragma("GCC ivdep") for (I64 i = 0; i < count; ++i) {              \
      const float x = src[i];                                           \
      dst[i] = expression;                                              \
    }                                                                   \
  }
INC_UNARY(erf, erf_of(x))
INC_UNARY(neg, -x)
INC_UNARY(abs, __builtin_fabsf(x))
INC_UNARY(sqrt, __builtin_sqrtf(x))
INC_UNARY(reciprocal, 1.0f / x)
INC_UNARY(floor, __builtin_floorf(x))
INC_UNARY(ceil, __builtin_ceilf(x))
INC_UNARY(square, (x * x))
INC_UNARY(cube, (x * x * x))
INC_UNARY(three_quarters, three_quarters_of(x))
INC_UNARY(relu, x < 0.0f ? 0.0f : x)
INC_UNARY(exp, squared(exp_of(0.5f * x)))
#undef INC_UNARY

void cut_line(const float* src, float* dst, I64 count, float factor, float shift, float low, float high) noexcept {
#pragma GCC ivdep
  for (I64 i = 0; i < count; ++i) {
    float y = src[i] * factor + shift;
    y = y < low ? low : y;
    dst[i] = y > high ? high : y;
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
