// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/activate/activate.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

constexpr float kLog2e = 1.44269504f, kTanh = 2 * 0.79788456f * kLog2e;

/// 1 + 2^t: a polynomial of relative error below 8e-8 over half a power to either side.
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
  V p = splat(1.32764668e-3f);
  p = multiply_add(p, f, splat(9.67554129e-3f));
  p = multiply_add(p, f, splat(5.55071329e-2f));
  p = multiply_add(p, f, splat(2.40221197e-1f));
  p = multiply_add(p, f, splat(6.93146967e-1f));
  p = multiply_add(p, f, splat(1.00000007f));
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
  const V s = x * x;
  V p = splat(-5.20967931e-9f);
  p = multiply_add(p, s, splat(3.85035688e-7f));
  p = multiply_add(p, s, splat(-1.14522929e-5f));
  p = multiply_add(p, s, splat(1.59388496e-4f));
  p = multiply_add(p, s, splat(9.55957629e-5f));
  p = multiply_add(p, s, splat(-1.04838585e-1f));
  p = multiply_add(p, s, splat(-2.3022072f));
  return x / one_and_power(x * p);
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
