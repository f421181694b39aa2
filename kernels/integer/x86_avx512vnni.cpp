#include <immintrin.h>

#include <cstring>

#include "kernels/integer/panel.h"
#define INC_KERNEL_ISA avx512vnni

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

/// Sums of a tile of kRows pixels and 16 kVectors channels, in registers while fours of numbers are added to them.
template <int kVectors, int kRows>
struct Sums {
  __m512i v[kRows][kVectors];
  const std::byte *rows[kRows], *weights, *next;
  std::int64_t next_step;

  inline __attribute__((always_inline)) Sums(const std::int32_t* initial, const std::byte* band, const std::int32_t* pixels,
                                             const std::byte* first, const std::byte* fetched, std::int64_t step)
      : weights(first), next(fetched), next_step(step) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) v[r][i] = _mm512_load_si512(initial + 16 * i);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) rows[r] = band + pixels[r];
  }

  inline __attribute__((always_inline)) void add(const std::int32_t*& step, const std::int32_t* end) {
    for (; step != end; ++step, weights += 64 * kVectors, next += next_step) {
      _mm_prefetch(next, _MM_HINT_T1);
      const std::int64_t k = *step;
      __m512i w[kVectors];
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) w[i] = _mm512_loadu_si512(weights + 64 * i);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        std::int32_t four;
        std::memcpy(&four, rows[r] + k, 4);
        const __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 4
        for (int i = 0; i < kVectors; ++i) v[r][i] = _mm512_dpbusd_epi32(v[r][i], x, w[i]);
      }
    }
  }

  inline __attribute__((always_inline)) void store(std::int32_t* to) const {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) _mm512_store_si512(to + 16 * (r * kVectors + i), v[r][i]);
  }
};

template <int kVectors, int kRows>
void multiply(const IntegerTile& t) {
  Sums<kVectors, kRows> sums(t.initial, t.band, t.pixels, t.weights, t.next, t.next_step);
  const std::int32_t* step = t.steps;
  sums.add(step, t.steps_end);
  sums.store(t.sums);
}

/// Of 1, 2, 4 or kMost rows the fewest that will do; the first stands in for those that are not there.
template <int kVectors, int kMost>
void multiply_rows(IntegerTile t, std::int64_t rows) {
  std::int32_t pixels[kMost];
  for (std::int64_t r = 0; r < kMost; ++r) pixels[r] = t.pixels[r < rows ? r : 0];
  t.pixels = pixels;
  if (rows == 1) return multiply<kVectors, 1>(t);
  if (rows == 2) return multiply<kVectors, 2>(t);
  if (rows <= 4) return multiply<kVectors, 4>(t);
  multiply<kVectors, kMost>(t);
}

void tile(const IntegerTile& t, std::int64_t rows, bool) {
  switch (t.width / 16) {
    case 1:
      return multiply_rows<1, 12>(t, rows);
    case 2:
      return multiply_rows<2, 12>(t, rows);
    case 3:
      return multiply_rows<3, 8>(t, rows);
    default:
      return multiply_rows<4, 6>(t, rows);
  }
}

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA

#include "kernels/integer/floats512.h"
//
#include "kernels/integer/body.h"
//
#include "kernels/integer/gelu512.h"
//
#include "kernels/integer/turns512.h"
