#include <immintrin.h>

#include <cstring>

#include "kernels/integer/panel.h"
#define INC_KERNEL_ISA avx512vnni

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr int kVectors = 2;
constexpr std::int64_t kWidth = 16 * kVectors;

template <int kRows>
void multiply(const IntegerTile& t) {
  __m512i sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_load_si512(t.initial + 16 * v);
  const std::byte* rows[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) rows[r] = t.band + t.pixels[r];
  const std::byte *w = t.weights, *next = t.next;
  const std::int64_t next_step = t.next_step;
  for (const std::int64_t* tap = t.taps; tap != t.taps_end; ++tap)
    for (std::int64_t k = *tap, end = *tap + t.run_bytes; k != end; k += 4, w += 64 * kVectors, next += next_step) {
      _mm_prefetch(next, _MM_HINT_T1);
      __m512i weights[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) weights[v] = _mm512_loadu_si512(w + 64 * v);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        std::int32_t four;
        std::memcpy(&four, rows[r] + k, 4);
        const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], x, weights[v]);
      }
    }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(t.sums + r * kWidth + 16 * v, sums[r][v]);
}

void tile(const IntegerTile& t, std::int64_t rows, bool) {
  using Multiply = void (*)(const IntegerTile&);
  static constexpr Multiply kTiles[] = {multiply<1>,  multiply<2>,  multiply<3>,  multiply<4>, multiply<5>,
                                        multiply<6>,  multiply<7>,  multiply<8>,  multiply<9>, multiply<10>,
                                        multiply<11>, multiply<12>, multiply<13>, multiply<14>};
  kTiles[rows - 1](t);
}

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/floats512.h"
//
#include "kernels/integer/body.h"
