#include <immintrin.h>

#include <cstring>

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
  const std::byte* rows[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) rows[r] = t.band + t.pixels[r];
  const std::byte* w = t.weights;
  for (const std::int64_t* tap = t.taps; tap != t.taps_end; ++tap)
    for (std::int64_t k = *tap, end = *tap + t.run_bytes; k != end; k += 4, w += 2 * kStep) {
      const __m512i low = load_weights<kWide>(w), high = load_weights<kWide>(w + kStep);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        std::int32_t two;
        std::memcpy(&two, rows[r] + k, 4);
        const __m512i x = _mm512_set1_epi32(two);
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

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/floats512.h"
//
#include "kernels/integer/body.h"
