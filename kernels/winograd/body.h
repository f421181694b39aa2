// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstring>

#include "kernels/winograd/variant.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/winograd/panels.h"

using U32 = std::uint32_t;
using U16 = std::uint16_t;
typedef U32 VU __attribute__((vector_size(4 * kLanes)));
typedef U16 VH __attribute__((vector_size(2 * kLanes)));

/// A vector of numbers as they are stored, and the first `count` of one.
struct Real {
  static constexpr I64 kBytes = 4;
  static INC_INLINE V get(const void* from, I64 count = kLanes) { return get_some<V>(from, count); }
  static INC_INLINE void put(std::byte* to, V v, I64 count) { put_some(to, v, count); }
};

struct Brain {
  static constexpr I64 kBytes = 2;
  static INC_INLINE V get(const void* from, I64 count = kLanes) {
    return (V)(__builtin_convertvector(get_some<VH>(from, count), VU) << 16);
  }
  static INC_INLINE void put(std::byte* to, V v, I64 count) {
    const VU bits = (VU)v, nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
    const VU whole = (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : nearest;
    put_some(to, __builtin_convertvector(whole >> 16, VH), count);
  }
};

INC_INLINE V fma(V a, float b, V c) {
  return multiply_add(a, splat(b), c);
}

template <int E>
INC_INLINE void patch(const V (&d)[E], V (&r)[E]);
template <int E>
INC_INLINE void outputs(const V (&m)[E], V (&y)[E - 2]);

/// Points 0, ±a, ±b and infinity with a = 3/4, b = 3/2; before them, a² b² = 81/64 and a² + b² = 45/16.
template <>
INC_INLINE void patch<6>(const V (&d)[6], V (&r)[6]) {
  const V p = fma(d[2], -2.25f, d[4]), q = fma(d[1], -2.25f, d[3]);
  const V s = fma(d[2], -0.5625f, d[4]), t = fma(d[1], -0.5625f, d[3]);
  r[0] = fma(d[0], 1.265625f, fma(d[2], -2.8125f, d[4]));
  r[1] = fma(q, 0.75f, p);
  r[2] = fma(q, -0.75f, p);
  r[3] = fma(t, 1.5f, s);
  r[4] = fma(t, -1.5f, s);
  r[5] = fma(d[1], 1.265625f, fma(d[3], -2.8125f, d[5]));
}
template <>
INC_INLINE void outputs<6>(const V (&m)[6], V (&y)[4]) {
  const V a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  y[0] = m[0] + a + c;
  y[1] = fma(d, 1.5f, b * splat(0.75f));
  y[2] = fma(c, 2.25f, a * splat(0.5625f));
  y[3] = fma(d, 3.375f, fma(b, 0.421875f, m[5]));
}
/// Points 0, ±1 and infinity.
template <>
INC_INLINE void patch<4>(const V (&d)[4], V (&r)[4]) {
  r[0] = d[0] - d[2];
  r[1] = d[1] + d[2];
  r[2] = d[2] - d[1];
  r[3] = d[3] - d[1];
}
template <>
INC_INLINE void outputs<4>(const V (&m)[4], V (&y)[2]) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] + m[3];
}

template <int E, class T>
void transform(const Block& b, I64 begin, I64 end) {
  const Winograd& w = *b.plan;
  const auto& o = *static_cast<const WinogradOperands*>(b.job);
  const WinogradShape& s = w.shape;
  const I64 plane = w.block * w.in_row;
  for (I64 i = begin; i < end; ++i) {
    const std::byte* from[E][E];
    find_patch(w, b.first + i, o.src, T::kBytes, w.zeros.data(), from);
    for (I64 next = 0; next < s.channels; next += kLanes) {
      const I64 c = next < s.channels - kLanes ? next : s.channels - kLanes;  // the last vector may overlap
      V down[E][E];
#pragma GCC unroll 6
      for (int k = 0; k < E; ++k) {
        V d[E], r[E];
#pragma GCC unroll 6
        for (int j = 0; j < E; ++j) d[j] = T::get(from[j][k] + c * T::kBytes);
        patch<E>(d, r);
#pragma GCC unroll 6
        for (int j = 0; j < E; ++j) down[j][k] = r[j];
      }
      float* to = static_cast<float*>(b.in) + i * w.in_row + c;
#pragma GCC unroll 6
      for (int j = 0; j < E; ++j) {
        V r[E];
        patch<E>(down[j], r);
#pragma GCC unroll 6
        for (int k = 0; k < E; ++k) store(to + (j * E + k) * plane, r[k]);
      }
    }
  }
}

struct Floats {
  using Number = float;
  using Sum = float;
  using Product = void (*)(const float*, I64, const float*, const float*, I64, float*, I64);
  static constexpr I64 kTogether = 1;

  /// P tiles times N vectors of output channels. Weights come as fast as memory gives them; to fetch them ahead takes
  /// longer.
  template <int N, int P>
  static void product(const float* a, I64 a_row, const float* u, const float*, I64 depth, float* m, I64 m_row) {
    V sum[P][N];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[p][n] = V{};
    for (I64 c = 0; c < depth; ++c, u += N * kLanes) {
      V right[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) right[n] = load(u + n * kLanes);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const V left = splat(a[p * a_row + c]);
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[p][n] = multiply_add(left, right[n], sum[p][n]);
      }
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) store(m + p * m_row + n * kLanes, sum[p][n]);
  }
};

template <int E, class T>
void finish(const Block& b, I64 panel) {
  constexpr int M = E - 2;
  const Winograd& w = *b.plan;
  const WinogradShape& s = w.shape;
  const auto& o = *static_cast<const WinogradOperands*>(b.job);
  const I64 plane = w.block * w.panel, begin = panel * w.panel, end = begin + width_of(w, panel);
  const I64 pixel = s.out_channels * T::kBytes;
  const V low = splat(o.low), high = splat(o.high), slope = splat(o.slope);
  const bool bends = o.slope != 1.0f;
  for (I64 i = 0; i < b.tiles; ++i) {
    const Place at = place(w, b.first + i);
    const I64 start = ((at.image * s.out_height + at.y) * s.out_width + at.x) * pixel;
    const I64 rows = s.out_height - at.y < M ? s.out_height - at.y : M;
    const I64 columns = s.out_width - at.x < M ? s.out_width - at.x : M;
    for (I64 c = begin; c < end; c += kLanes) {
      const I64 count = s.out_channels - c;
      const float* from = static_cast<const float*>(b.out) + i * w.panel + c - begin;
      V across[M][E];
#pragma GCC unroll 6
      for (int k = 0; k < E; ++k) {
        V m[E], y[M];
#pragma GCC unroll 6
        for (int j = 0; j < E; ++j) m[j] = load(from + (j * E + k) * plane);
        outputs<E>(m, y);
#pragma GCC unroll 4
        for (int j = 0; j < M; ++j) across[j][k] = y[j];
      }
      const V bias = Real::get(o.bias + c, count);
      for (int j = 0; j < rows; ++j) {
        V y[M];
        outputs<E>(across[j], y);
        const I64 offset = start + j * s.out_width * pixel + c * T::kBytes;
#pragma GCC unroll 4
        for (int k = 0; k < M; ++k) {
          if (k >= columns) break;
          V t = y[k] + bias;
          if (o.residual != nullptr) t = t + T::get(o.residual + offset + k * pixel, count);
          if (bends) t = t < V{} ? t * slope : t;
          T::put(o.dst + offset + k * pixel, smaller(high, larger(low, t)), count);
        }
      }
    }
  }
}

}  // namespace

WinogradVariant winograd_variant(I64 tile, bool bf16, bool bf16_out) noexcept {
  if (tile == 4)
    return {bf16 ? transform<6, Brain> : transform<6, Real>, multiply<Floats>, bf16_out ? finish<6, Brain> : finish<6, Real>,
            kLanes};
  return {bf16 ? transform<4, Brain> : transform<4, Real>, multiply<Floats>, bf16_out ? finish<4, Brain> : finish<4, Real>,
          kLanes};
}

}  // namespace inc::kernels::INC_KERNEL_ISA
