// The 8-bit functions of one variant; included after body.h, with the same INC_KERNEL_ISA. All sums are exact. A unit is two
// int16 numbers less their zero points; of queries and keys, with INC_KERNEL_VNNI, four 8-bit numbers, unsigned ones to the
// left of a product and signed ones to the right, and zero points are taken off the sums.

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

struct Pairs {
  static constexpr I64 kPerUnit = 2;
  using Sum = VI;
  static INC_INLINE Sum dot(Sum sum, const float* unit, V b) {
#if defined(INC_KERNEL_VNNI)
    return (VI)_mm512_dpwssd_epi32((__m512i)sum, _mm512_set1_epi32(bits_of(unit)), (__m512i)b);
#elif defined(__AVX512F__)
    return sum + (VI)_mm512_madd_epi16(_mm512_set1_epi32(bits_of(unit)), (__m512i)b);
#elif defined(__AVX2__)
    return sum + (VI)_mm256_madd_epi16(_mm256_set1_epi32(bits_of(unit)), (__m256i)b);
#else
    return sum + (VI)_mm_madd_epi16(_mm_set1_epi32(bits_of(unit)), (__m128i)b);
#endif
  }
};

#ifdef INC_KERNEL_VNNI
struct Bytes {
  static constexpr I64 kPerUnit = 4;
  using Sum = VI;
  static INC_INLINE Sum dot(Sum sum, const float* unit, V b) {
    return (VI)_mm512_dpbusd_epi32((__m512i)sum, _mm512_set1_epi32(bits_of(unit)), (__m512i)b);
  }
};
#endif

/// Sums less what zero points added to them, as FP32, then as `then` says.
template <class Then>
struct Exact {
  const std::int32_t *of_row, *of_column;  ///< or none
  Then then;

  template <int C>
  INC_INLINE void row(I64 r, const VI (&sum)[C], float* to) const {
    V real[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      VI left = sum[j];
      if (of_row != nullptr) left -= of_row[r];
      if (of_column != nullptr) left -= (VI)load(reinterpret_cast<const float*>(of_column + j * kLanes));
      real[j] = __builtin_convertvector(left, V);
    }
    then.row(r, real, to);
  }
};

/// The first half of the row's storage becomes its shares: int16 multiples of a step, at most `most`.
void round_in_place(float* s, I64 count, float factor, float most) {
  const V f = splat(factor), limit = splat(most);
  auto* to = reinterpret_cast<char*>(s);
  for (I64 i = 0; i < count; i += kLanes) {
    const V x = larger(load(s + i) * f, V{});
    const VI q = nearest(x < limit ? x : limit);
#if defined(__AVX512F__)
    const __m256i narrow = _mm512_cvtepi32_epi16((__m512i)q);
    std::memcpy(to + 2 * i, &narrow, sizeof narrow);
#elif defined(__AVX2__)
    const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)q), _mm256_extracti128_si256((__m256i)q, 1));
    std::memcpy(to + 2 * i, &narrow, sizeof narrow);
#else
    const __m128i narrow = _mm_packs_epi32((__m128i)q, (__m128i)q);
    std::memcpy(to + 2 * i, &narrow, 8);
#endif
  }
}

}  // namespace

void pack_rows8(const Rows8& from, float* to, I64 to_row) noexcept {
#ifdef INC_KERNEL_VNNI
  for (I64 r = 0; r < from.count; ++r) {
    const std::uint8_t* __restrict row = from.data + r * from.row;
    auto* __restrict out = reinterpret_cast<std::uint8_t*>(to + r * to_row);
    for (I64 i = 0; i < from.width; ++i) out[i] = row[i] ^ from.flip;
    for (I64 i = from.width; i < 4 * to_row; ++i) out[i] = 0;
  }
#else
  for (I64 r = 0; r < from.count; ++r) {
    const std::uint8_t* __restrict row = from.data + r * from.row;
    auto* __restrict out = reinterpret_cast<std::int16_t*>(to + r * to_row);
    if (from.is_signed)
      for (I64 i = 0; i < from.width; ++i)
        out[i] = static_cast<std::int16_t>(static_cast<std::int8_t>(row[i]) - from.zero);
    else
      for (I64 i = 0; i < from.width; ++i) out[i] = static_cast<std::int16_t>(row[i] - from.zero);
    for (I64 i = from.width; i < 2 * to_row; ++i) out[i] = 0;
  }
#endif
}

/// Pairs of rows as units; zeros behind the last row.
void pack_values8(const Rows8& from, float* to, I64 to_row) noexcept {
  auto* __restrict units = reinterpret_cast<std::uint32_t*>(to);
  const std::int32_t sign = from.is_signed ? 128 : 0, zero = from.zero + sign;
  for (I64 r = 0; r < from.count; r += 2, units += to_row) {
    const bool last = r + 1 == from.count;
    const std::uint8_t *__restrict even = from.data + r * from.row, *__restrict odd = last ? even : even + from.row;
    const std::uint32_t there = last ? 0xffffu : ~0u;
    for (I64 i = 0; i < from.width; ++i)
      units[i] = ((static_cast<std::uint32_t>((even[i] ^ sign) - zero) & 0xffffu) |
                  static_cast<std::uint32_t>((odd[i] ^ sign) - zero) << 16) &
                 there;
  }
}

#ifdef INC_KERNEL_VNNI
/// Flips all numbers; then to[key] = zero · (the sum of the key's numbers - less).
void finish_keys8(float* packed, I64 keys, I64 depth, std::uint8_t flip, std::int32_t zero, std::int32_t less,
                  std::int32_t* to) noexcept {
  const __m512i ones = _mm512_set1_epi8(1), flips = _mm512_set1_epi8(static_cast<char>(flip));
  for (I64 first = 0; first < keys; first += kLanes) {
    float* k = packed + first / kPanel * kPanel * depth + first % kPanel;
    VI sum{};
    for (I64 d = 0; d < depth; ++d) {
      const __m512i numbers = _mm512_xor_si512(_mm512_loadu_si512(k + d * kPanel), flips);
      _mm512_storeu_si512(k + d * kPanel, numbers);
      sum = (VI)_mm512_dpbusd_epi32((__m512i)sum, ones, numbers);
    }
    sum = (sum - less) * zero;
    std::memcpy(to + first, &sum, sizeof sum);
  }
}
#endif

void attend_block8(const AttentionBlock8& b) noexcept {
#ifdef INC_KERNEL_VNNI
  for (I64 r = 0; r < b.rows; ++r) {
    const auto* q = reinterpret_cast<const std::uint8_t*>(b.q + r * b.q_row);
    std::int32_t sum = 0;
    for (I64 i = 0; i < b.numbers; ++i) sum += q[i];
    b.of_rows[r] = b.k_zero * sum;
  }
  score<Bytes>(b, [&](const Scores& scores, I64 first) { return Exact<Scores>{b.of_rows, b.of_keys + first, scores}; });
#else
  score<Pairs>(b, [&](const Scores& scores, I64) { return Exact<Scores>{nullptr, nullptr, scores}; });
#endif
  soften(b);
  for (I64 r = 0; r < b.rows; ++r) {
    round_in_place(b.scores + r * b.score_row, b.keys, b.factor[r] / b.share, b.most);
    b.factor[r] = b.context;
  }
  gather<Pairs>(b, Exact<Context>{nullptr, nullptr, {b.factor}});
}

}  // namespace inc::kernels::INC_KERNEL_ISA
