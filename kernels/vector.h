// FP32 vectors of the widest kind the ISA has, for kernel bodies; included inside the anonymous namespace of a variant.
// Not a header in its own right: no guard, no includes. The body includes <immintrin.h> and <cstring> first.

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef float V __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t VI __attribute__((vector_size(4 * kLanes)));

#define INC_INLINE inline __attribute__((always_inline))

INC_INLINE V load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
INC_INLINE void store(float* to, V v) {
  std::memcpy(to, &v, sizeof v);
}
INC_INLINE V splat(float x) {
#if defined(__AVX512F__)
  return (V)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (V)_mm256_set1_ps(x);
#else
  return (V)_mm_set1_ps(x);
#endif
}
INC_INLINE V multiply_add(V a, V b, V c) {
#if defined(__AVX512F__)
  return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}
/// The larger; NaN in `a` alone is dropped.
INC_INLINE V larger(V a, V b) {
#if defined(__AVX512F__)
  return (V)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);  // gcc 12 takes the other for an uninitialized value
#elif defined(__AVX2__)
  return (V)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return (V)_mm_max_ps((__m128)a, (__m128)b);
#endif
}

/// The smaller; NaN in `a` alone is dropped.
INC_INLINE V smaller(V a, V b) {
#if defined(__AVX512F__)
  return (V)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (V)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return (V)_mm_min_ps((__m128)a, (__m128)b);
#endif
}

/// To the nearest whole number, ties to even.
INC_INLINE VI nearest(V x) {
#if defined(__AVX512F__)
  return (VI)_mm512_cvtps_epi32((__m512)x);
#elif defined(__AVX2__)
  return (VI)_mm256_cvtps_epi32((__m256)x);
#else
  return (VI)_mm_cvtps_epi32((__m128)x);
#endif
}

typedef float V4 __attribute__((vector_size(16)));

/// All lanes combined, by halves.
template <class F>
INC_INLINE float across(V v, F combine) {
#if defined(__AVX512F__)
  const auto eight = combine(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                             __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
#else
  const V eight = v;
#endif
#if defined(__AVX2__)
  const V4 four =
      combine(__builtin_shufflevector(eight, eight, 0, 1, 2, 3), __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  const V4 four = eight;
#endif
  const V4 two = combine(four, __builtin_shufflevector(four, four, 2, 3, 2, 3));
  return combine(two, __builtin_shufflevector(two, two, 1, 1, 1, 1))[0];
}
INC_INLINE float sum_across(V v) {
  return across(
      v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}
INC_INLINE float largest_across(V v) {
  return across(
      v, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

/// exp(x) for x ≤ 0 as a share beside 1: relative error below 3e-7, 0 below -60, so that products with shares stay clear of
/// denormal numbers, which are slow. NaN stays NaN.
#if defined(__AVX512F__)
alignas(64) constexpr float kPowers[16] = {  // 2^(i / 16)
    1.0f,        1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
    1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f, 1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};

/// 2^n by a table of sixteenths times Taylor's polynomial over [-ln 2 / 32, ln 2 / 32].
INC_INLINE V exponential(V x) {
  const V low = splat(-60.0f), magic = splat(12582912.0f);
  const V held = larger(low, x);
  const V shifted = multiply_add(held, splat(23.0831207f), magic);
  const V n = shifted - magic;
  V f = multiply_add(n, splat(-0.0433197021f), held);
  f = multiply_add(n, splat(-1.99663656e-6f), f);
  V p = multiply_add(f, splat(1.66666667e-1f), splat(0.5f));
  p = multiply_add(p, f, splat(1.0f));
  p = multiply_add(p, f, splat(1.0f));
  const __m512i bits = _mm512_castps_si512((__m512)shifted);
  const __m512i fraction = _mm512_castps_si512(_mm512_permutexvar_ps(bits, _mm512_load_ps(kPowers)));
  const __m512i whole = _mm512_slli_epi32(_mm512_andnot_si512(_mm512_set1_epi32(15), bits), 19);
  const V power = (V)_mm512_castsi512_ps(_mm512_add_epi32(fraction, whole));
  return x < low ? V{} : p * power;
}
#else
/// 2^n times the polynomial of Cephes' expf over [-ln 2 / 2, ln 2 / 2].
INC_INLINE V exponential(V x) {
  const V low = splat(-60.0f), magic = splat(12582912.0f);
  const V held = larger(low, x);
  const V shifted = multiply_add(held, splat(1.44269504f), magic);
  const V n = shifted - magic;
  V f = multiply_add(n, splat(-0.693359375f), held);
  f = multiply_add(n, splat(2.12194440e-4f), f);
  V p = splat(1.9875691500e-4f);
  p = multiply_add(p, f, splat(1.3981999507e-3f));
  p = multiply_add(p, f, splat(8.3334519073e-3f));
  p = multiply_add(p, f, splat(4.1665795894e-2f));
  p = multiply_add(p, f, splat(1.6666665459e-1f));
  p = multiply_add(p, f, splat(5.0000001201e-1f));
  p = multiply_add(p, f * f, f + splat(1.0f));
  const VI power = ((VI)shifted << 23) + 0x3f800000;
  return x < low ? V{} : p * (V)power;
}
#endif
