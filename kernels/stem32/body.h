// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstring>

#include "kernels/stem32/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
using U32 = std::uint32_t;
using U16 = std::uint16_t;
constexpr I64 kLanes = kStem32Lanes;
typedef float V __attribute__((vector_size(4 * kLanes)));
typedef U32 VU __attribute__((vector_size(4 * kLanes)));
typedef U16 VH __attribute__((vector_size(2 * kLanes)));

INC_INLINE void load(const float* from, V& v) {
  std::memcpy(&v, from, sizeof v);
}
INC_INLINE void multiply_add(float x, const V& w, V& sum) {
#if defined(__FMA__)
  const __m256 left = _mm256_set1_ps(x);
  asm("vfmadd231ps %1, %2, %0" : "+x"(sum) : "x"(w), "x"(left));  // or gcc sums elsewhere, and spills
#else
  sum += x * w;
#endif
}

/// NaN is handed on.
INC_INLINE void hold(const V& low, const V& high, V& v) {
#if defined(__AVX__)
  v = (V)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)v));
#else
  v = v < low ? low : v;
  v = v > high ? high : v;
#endif
}

template <class T>
INC_INLINE void store(std::byte* to, I64 channels, const V& v) {
  if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(to, &v, static_cast<std::size_t>(channels) * sizeof(T));
  } else {
    const VU bits = (VU)v, nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
    const VU whole = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : nearest;
    const VH half = __builtin_convertvector(whole >> 16, VH);
    std::memcpy(to, &half, static_cast<std::size_t>(channels) * sizeof(T));
  }
}

/// The sums of P pixels and N vectors of channels. K: the window's width, or 0 for any.
template <int P, int N, int K>
INC_INLINE void multiply(const Stem32Run& r, I64 pixel, V (&sum)[P][N]) {
#pragma GCC unroll 2
  for (int n = 0; n < N; ++n) {
    V bias;
    load(r.bias + n * kLanes, bias);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sum[p][n] = bias;
  }
  const float* w = r.weights;
  const I64 step = r.stride_w, three = 3 * step, width = K > 0 ? K : r.kernel_w;
  for (I64 k = 0; k < r.row_count; ++k) {
    constexpr int kGroups = (P + 3) / 4;
    const float* x[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      x[g] = r.rows[k] + (pixel + 4 * g) * step;
      asm("" : "+r"(x[g]));  // or every pixel gets an index of its own, more than there are registers
    }
#pragma GCC unroll 3
    for (I64 u = 0; u < width; ++u, w += N * kLanes) {
      V right[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) load(w + n * kLanes, right[n]);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n)
          multiply_add(x[p / 4][(p % 4 == 3 ? three : p % 4 * step) + (K > 0 ? u : 0)], right[n], sum[p][n]);
      if constexpr (K == 0)
        for (int g = 0; g < kGroups; ++g) ++x[g];
    }
  }
}

/// As many tiles of P pixels as there are pixels for. T: float, or the bits of a BF16.
template <class T, int N, int P, int K>
void tiles(const Stem32Run& r, I64& pixel) {
  const V low = V{} + r.low, high = V{} + r.high;
  const I64 width = r.width, rest = r.channels - (N - 1) * kLanes, step = r.step;
  for (std::byte* to = r.dst + pixel * step; pixel + P <= width; pixel += P, to += P * step) {
    V sum[P][N];
    multiply<P, N, K>(r, pixel, sum);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) {
        V held = sum[p][n];
        hold(low, high, held);
        std::byte* const at = to + p * step + n * kLanes * static_cast<I64>(sizeof(T));
        if (n + 1 < N || rest == kLanes)
          store<T>(at, kLanes, held);
        else
          store<T>(at, rest, held);
      }
  }
}

template <class T, int N, int... P>
void all_tiles(const Stem32Run& r) {
  I64 pixel = 0;
  if (r.kernel_w == 3)
    (tiles<T, N, P, 3>(r, pixel), ...);
  else
    (tiles<T, N, P, 0>(r, pixel), ...);
}

template <class T>
void run(const Stem32Run& r) {
  if (r.channels > kLanes) return all_tiles<T, 2, 6, 4, 2, 1>(r);
#if defined(__AVX512F__)
  all_tiles<T, 1, 16, 8, 4, 2, 1>(r);
#else
  all_tiles<T, 1, 8, 4, 2, 1>(r);
#endif
}

}  // namespace

void run_stem32(const Stem32Run& r) noexcept {
  r.bf16 ? run<U16>(r) : run<float>(r);
}

void widen_stem32(const std::byte* bf16, float* to, I64 count) noexcept {
  for (I64 i = 0; i < count; ++i) {
    U16 half;
    std::memcpy(&half, bf16 + 2 * i, sizeof half);
    const U32 bits = U32{half} << 16;
    std::memcpy(to + i, &bits, sizeof bits);
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
