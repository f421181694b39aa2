// 32 numbers in two registers, for the variants of AVX512; included like body.h.
namespace inc::kernels::INC_KERNEL_ISA {
namespace {

constexpr std::int64_t kLanes = 32;
#define INC_ALWAYS inline __attribute__((always_inline))

struct Floats {
  __m512 a, b;
};

inline Floats all(float x) {
  return {_mm512_set1_ps(x), _mm512_set1_ps(x)};
}
inline Floats load(const float* from) {
  return {_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)};
}
inline Floats load_integers(const std::int32_t* from) {
  return {_mm512_cvtepi32_ps(_mm512_load_si512(from)), _mm512_cvtepi32_ps(_mm512_load_si512(from + 16))};
}
inline __m128i load_16(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
inline Floats load_u8(const std::byte* from) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16(from))),
          _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16(from + 16)))};
}
inline Floats load_s8(const std::byte* from) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(from))),
          _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(from + 16)))};
}
inline Floats add(Floats x, Floats y) {
  return {_mm512_add_ps(x.a, y.a), _mm512_add_ps(x.b, y.b)};
}
inline Floats mul(Floats x, Floats y) {
  return {_mm512_mul_ps(x.a, y.a), _mm512_mul_ps(x.b, y.b)};
}
inline Floats div(Floats x, Floats y) {
  return {_mm512_div_ps(x.a, y.a), _mm512_div_ps(x.b, y.b)};
}
inline Floats max(Floats x, Floats bound) {
  return {_mm512_max_ps(bound.a, x.a), _mm512_max_ps(bound.b, x.b)};
}
inline Floats min(Floats x, Floats bound) {
  return {_mm512_min_ps(bound.a, x.a), _mm512_min_ps(bound.b, x.b)};
}
inline __m512 round(__m512 x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats round(Floats x) {
  return {round(x.a), round(x.b)};
}
inline Floats times_power(Floats x, Floats n) {
  return {_mm512_scalef_ps(x.a, n.a), _mm512_scalef_ps(x.b, n.b)};
}
inline __m512 with_sign(__m512 x, __m512 sign) {
  const __m512 mask = _mm512_set1_ps(-0.0f);
  return _mm512_or_ps(_mm512_andnot_ps(mask, x), _mm512_and_ps(mask, sign));
}
inline Floats with_sign(Floats x, Floats sign) {
  return {with_sign(x.a, sign.a), with_sign(x.b, sign.b)};
}
inline __m512 zero_where_nan(__m512 x) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x);
}
inline Floats zero_where_nan(Floats x) {
  return {zero_where_nan(x.a), zero_where_nan(x.b)};
}
inline void store(float* to, Floats x) {
  _mm512_storeu_ps(to, x.a);
  _mm512_storeu_ps(to + 16, x.b);
}
inline __m128i store_8(__m512 x, std::int32_t zero_point) {
  return _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(zero_point)));
}
inline void store_8(std::byte* to, Floats x, std::int32_t zero_point) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), store_8(x.a, zero_point));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), store_8(x.b, zero_point));
}

/// Quantizes where nothing under- or overflows. Products with a little less and a little more than the reciprocal of the
/// scale enclose the quotient; where they round alike, as they nearly always do, no division is needed.
struct Quantizer {
  __m512 scale, less, more;
  __m512i zero, order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 4, 8, 12, 1, 5, 9, 13);
  __m256i low, high;
  Quantizer(float s, std::int32_t zero_point, std::int32_t least, std::int32_t most)
      : scale(_mm512_set1_ps(s)),
        less(_mm512_set1_ps(1.0f / s * (1 - 0x1p-22f))),
        more(_mm512_set1_ps(1.0f / s * (1 + 0x1p-22f))),
        zero(_mm512_set1_epi16(static_cast<short>(zero_point))),
        low(_mm256_set1_epi8(static_cast<char>(least))),
        high(_mm256_set1_epi8(static_cast<char>(most))) {}

  static INC_ALWAYS __m512i rounded(__m512 a, __m512 b) {
    constexpr __mmask16 kAll = 0xffff;  // gcc 12 takes the unmasked form for an uninitialized value
    return _mm512_packs_epi32(_mm512_maskz_cvtps_epi32(kAll, a), _mm512_maskz_cvtps_epi32(kAll, b));
  }
  __attribute__((noinline)) __m512i divided(Floats x) const {
    return rounded(_mm512_div_ps(x.a, scale), _mm512_div_ps(x.b, scale));
  }
  template <bool kUnsigned>
  INC_ALWAYS void store(std::byte* to, Floats x) const {
    __m512i q = rounded(_mm512_mul_ps(x.a, less), _mm512_mul_ps(x.b, less));
    const __m512i above = rounded(_mm512_mul_ps(x.a, more), _mm512_mul_ps(x.b, more));
    if (__builtin_expect(_mm512_cmpneq_epi16_mask(q, above) != 0, 0)) q = divided(x);
    q = _mm512_adds_epi16(q, zero);
    const __m512i bytes = kUnsigned ? _mm512_packus_epi16(q, q) : _mm512_packs_epi16(q, q);
    const __m256i r = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, bytes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), kUnsigned ? _mm256_min_epu8(_mm256_max_epu8(r, low), high)
                                                                  : _mm256_min_epi8(_mm256_max_epi8(r, low), high));
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA
