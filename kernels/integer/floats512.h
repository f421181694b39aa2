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
inline Floats multiply_add(Floats x, Floats y, Floats z) {
  return {_mm512_fmadd_ps(x.a, y.a, z.a), _mm512_fmadd_ps(x.b, y.b, z.b)};
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

/// Quantizes where nothing under- or overflows; without division where the scale has an inverse.
struct Quantizer {
  __m512 scale, high, low;
  bool inverted;
  __m512i zero, order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 4, 8, 12, 1, 5, 9, 13);
  __m256i least, most;
  Quantizer(float s, Inverse inverse, std::int32_t zero_point, std::int32_t from, std::int32_t to)
      : scale(_mm512_set1_ps(s)),
        high(_mm512_set1_ps(inverse.high)),
        low(_mm512_set1_ps(inverse.low)),
        inverted(inverse.high != 0),
        zero(_mm512_set1_epi16(static_cast<short>(zero_point))),
        least(_mm256_set1_epi8(static_cast<char>(from))),
        most(_mm256_set1_epi8(static_cast<char>(to))) {}

  INC_ALWAYS __m512i steps(__m512 x) const {
    constexpr __mmask16 kAll = 0xffff;  // gcc 12 takes the unmasked form for an uninitialized value
    return _mm512_maskz_cvtps_epi32(kAll,
                                    inverted ? _mm512_fmadd_ps(x, high, _mm512_mul_ps(x, low)) : _mm512_div_ps(x, scale));
  }
  template <bool kUnsigned>
  INC_ALWAYS void store(std::byte* to, Floats x) const {
    const __m512i q = _mm512_adds_epi16(_mm512_packs_epi32(steps(x.a), steps(x.b)), zero);
    const __m512i bytes = kUnsigned ? _mm512_packus_epi16(q, q) : _mm512_packs_epi16(q, q);
    const __m256i r = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, bytes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), kUnsigned ? _mm256_min_epu8(_mm256_max_epu8(r, least), most)
                                                                  : _mm256_min_epi8(_mm256_max_epi8(r, least), most));
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA
