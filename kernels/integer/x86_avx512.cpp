#include <immintrin.h>

#include "kernels/integer/panel.h"
#define INC_KERNEL_ISA avx512

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr std::int64_t kWidth = 32;

template <bool kWide>
inline __attribute__((always_inline)) __m512i load_weights(const std::byte* from) {
  if constexpr (kWide) return _mm512_loadu_si512(from);
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

template <int kRows, bool kWide>
void multiply(const IntegerTile& t) {
  constexpr std::int64_t kStep = kWide ? 64 : 32;
  __m512i sums[kRows][2];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sums[r][0] = sums[r][1] = _mm512_setzero_si512();
  const std::byte* w = t.weights;
  for (const std::int64_t* tap = t.taps; tap != t.taps_end; ++tap)
    for (std::int64_t k = *tap, end = *tap + t.run_bytes; k != end; k += 4, w += 2 * kStep) {
      const __m512i low = load_weights<kWide>(w), high = load_weights<kWide>(w + kStep);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const __m512i x = _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(t.rows[r] + k));
        sums[r][0] = _mm512_add_epi32(sums[r][0], _mm512_madd_epi16(x, low));
        sums[r][1] = _mm512_add_epi32(sums[r][1], _mm512_madd_epi16(x, high));
      }
    }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    _mm512_store_si512(t.sums + r * kWidth, sums[r][0]);
    _mm512_store_si512(t.sums + r * kWidth + 16, sums[r][1]);
  }
}

using Multiply = void (*)(const IntegerTile&);
template <bool kWide>
constexpr Multiply kTiles[12] = {multiply<1, kWide>, multiply<2, kWide>,  multiply<3, kWide>,  multiply<4, kWide>,
                                 multiply<5, kWide>, multiply<6, kWide>,  multiply<7, kWide>,  multiply<8, kWide>,
                                 multiply<9, kWide>, multiply<10, kWide>, multiply<11, kWide>, multiply<12, kWide>};

void tile(const IntegerTile& t, std::int64_t rows, bool wide) {
  (wide ? kTiles<true> : kTiles<false>)[rows - 1](t);
}

struct Floats {
  __m512 a;
};

inline Floats all(float x) {
  return {_mm512_set1_ps(x)};
}
inline Floats load(const float* from) {
  return {_mm512_loadu_ps(from)};
}
inline Floats load_integers(const std::int32_t* from) {
  return {_mm512_cvtepi32_ps(_mm512_load_si512(from))};
}
inline Floats load_u8(const std::byte* from) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))))};
}
inline Floats load_s8(const std::byte* from) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))))};
}
inline Floats add(Floats x, Floats y) {
  return {_mm512_add_ps(x.a, y.a)};
}
inline Floats mul(Floats x, Floats y) {
  return {_mm512_mul_ps(x.a, y.a)};
}
inline Floats div(Floats x, Floats y) {
  return {_mm512_div_ps(x.a, y.a)};
}
inline Floats max(Floats x, Floats bound) {
  return {_mm512_max_ps(bound.a, x.a)};
}
inline Floats min(Floats x, Floats bound) {
  return {_mm512_min_ps(bound.a, x.a)};
}
inline Floats round(Floats x) {
  return {_mm512_roundscale_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
inline Floats times_power(Floats x, Floats n) {
  return {_mm512_scalef_ps(x.a, n.a)};
}
inline Floats with_sign(Floats x, Floats sign) {
  const __m512 mask = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(mask, x.a), _mm512_and_ps(mask, sign.a))};
}
inline Floats zero_where_nan(Floats x) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.a, x.a, _CMP_ORD_Q), x.a)};
}
inline void store(float* to, Floats x) {
  _mm512_storeu_ps(to, x.a);
}
inline void store_8(std::byte* to, Floats x, std::int32_t zero_point) {
  const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(x.a), _mm512_set1_epi32(zero_point));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q));
}

/// Quantizes where nothing under- or overflows: x / scale rounded as a division rounds (Markstein: two corrections by the
/// exact remainder, with the rounded reciprocal), which takes half the time of a division.
struct Quantizer {
  __m512 scale, reciprocal;
  __m512i zero, low, high;
  Quantizer(float s, std::int32_t zero_point, std::int32_t least, std::int32_t most)
      : scale(_mm512_set1_ps(s)),
        reciprocal(_mm512_set1_ps(1.0f / s)),
        zero(_mm512_set1_epi32(zero_point)),
        low(_mm512_set1_epi32(least)),
        high(_mm512_set1_epi32(most)) {}

  template <bool>
  inline __attribute__((always_inline)) void store(std::byte* to, Floats x) const {
    __m512 q = _mm512_mul_ps(x.a, reciprocal);
    q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, scale, x.a), reciprocal, q);
    q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, scale, x.a), reciprocal, q);
    const __m512i r = _mm512_add_epi32(_mm512_cvtps_epi32(q), zero);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(r, low), high)));
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/body.h"
