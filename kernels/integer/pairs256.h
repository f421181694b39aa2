// Sums of products in pairs (pairs.h), for the variant of AVX2; included once.
#include <cstring>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

inline __attribute__((always_inline)) __m256i four(const std::byte* from) {
  std::int32_t numbers;
  std::memcpy(&numbers, from, 4);
  return _mm256_set1_epi32(numbers);
}

/// In fours, as in pairs.h: 4 pixels × 16 channels are 8 sums, beside them 4 vectors of weights, ones and 3 for products.
template <int kRows>
struct Sums {
  __m256i v[kRows][2];

  inline __attribute__((always_inline)) Sums(const IntegerTile& t) {
    const std::byte* pixels[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      for (int i = 0; i < 2; ++i) v[r][i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(t.initial) + i);
      pixels[r] = t.band + t.pixels[r];
    }
    const __m256i ones = _mm256_set1_epi16(1);
    const auto* w = reinterpret_cast<const __m256i*>(t.weights);
    const std::int32_t *at = t.offsets, *const pairs_end = at + 2 * t.pairs, *const end = pairs_end + t.alone;
    for (; at != pairs_end; at += 2, w += 4) {
      const std::int64_t one = at[0], other = at[1];
      const __m256i a = _mm256_loadu_si256(w), b = _mm256_loadu_si256(w + 1);
      const __m256i c = _mm256_loadu_si256(w + 2), d = _mm256_loadu_si256(w + 3);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i x = four(pixels[r] + one), y = four(pixels[r] + other);
        const __m256i low = _mm256_add_epi16(_mm256_maddubs_epi16(x, a), _mm256_maddubs_epi16(y, c));
        v[r][0] = _mm256_add_epi32(v[r][0], _mm256_madd_epi16(low, ones));
        const __m256i high = _mm256_add_epi16(_mm256_maddubs_epi16(x, b), _mm256_maddubs_epi16(y, d));
        v[r][1] = _mm256_add_epi32(v[r][1], _mm256_madd_epi16(high, ones));
      }
    }
    for (; at != end; ++at, w += 2) {
      const std::int64_t one = *at;
      const __m256i a = _mm256_loadu_si256(w), b = _mm256_loadu_si256(w + 1);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i x = four(pixels[r] + one);
        v[r][0] = _mm256_add_epi32(v[r][0], _mm256_madd_epi16(_mm256_maddubs_epi16(x, a), ones));
        v[r][1] = _mm256_add_epi32(v[r][1], _mm256_madd_epi16(_mm256_maddubs_epi16(x, b), ones));
      }
    }
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA
