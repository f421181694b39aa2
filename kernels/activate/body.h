// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/activate/activate.h"
#include "kernels/smooth.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

/// The value at x of a polynomial, highest power first.
template <int kCount>
INC_INLINE V polynomial(const float (&c)[kCount], V x) {
  V y = splat(c[0]);
#pragma GCC unroll 8
  for (int i = 1; i < kCount; ++i) y = multiply_add(y, x, splat(c[i]));
  return y;
}

/// 1 + 2^t.
INC_INLINE V one_and_power(V t) {
#if defined(__AVX512F__)
  const V n = (V)_mm512_roundscale_ps((__m512)t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const V most = splat(126.0f), magic = splat(12582912.0f);
  t = larger(splat(-126.0f), t);
  t = t > most ? most : t;
  const V shifted = t + magic, n = shifted - magic;
#endif
  const V f = t - n;
  const V p = polynomial(kPowerOfTwo, f);
#if defined(__AVX512F__)
  return (V)_mm512_scalef_ps((__m512)p, (__m512)n) + splat(1.0f);
#else
  return multiply_add(p, (V)(((VI)shifted << 23) + 0x3f800000), splat(1.0f));
#endif
}

INC_INLINE V sigmoid(V x) {
  return splat(1.0f) / one_and_power(x * splat(-kLog2e));
}
INC_INLINE V silu(V x) {
  return x / one_and_power(x * splat(-kLog2e));
}
INC_INLINE V gelu_tanh(V x) {
  return x / one_and_power(x * multiply_add(x * x, splat(-kTanh * 0.044715f), splat(-kTanh)));
}
INC_INLINE V gelu(V x) {
  return x / one_and_power(x * polynomial(kGeluExponent, x * x));
}

template <class F>
INC_INLINE void each(const float* src, float* dst, I64 count, F f) {
  I64 i = 0;
  for (; i + kLanes <= count; i += kLanes) store(dst + i, f(load(src + i)));
  if (i == count) return;
  float rest[kLanes] = {};
  std::memcpy(rest, src + i, static_cast<std::size_t>(count - i) * sizeof(float));
  store(rest, f(load(rest)));
  std::memcpy(dst + i, rest, static_cast<std::size_t>(count - i) * sizeof(float));
}

}  // namespace

void activate_row(Smooth how, const float* src, float* dst, I64 count) noexcept {
  switch (how) {
    case Smooth::Sigmoid:
      return each(
          src, dst, count, [](V x) __attribute__((always_inline)) { return sigmoid(x); });
    case Smooth::Silu:
      return each(
          src, dst, count, [](V x) __attribute__((always_inline)) { return silu(x); });
    case Smooth::Gelu:
      return each(
          src, dst, count, [](V x) __attribute__((always_inline)) { return gelu(x); });
    case Smooth::GeluTanh:
      return each(
          src, dst, count, [](V x) __attribute__((always_inline)) { return gelu_tanh(x); });
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
