// Windows of any height over 16-bit pairs; included by the variants inside their anonymous namespace. Two input rows at a
// time are widened and interleaved into scratch, so that one instruction multiplies two taps; each pair of output rows
// reads a ring of them.

/// The vectors of one ISA. A store takes the results of four neighbouring output pixels.
struct Pairs8 {
  using Int = __m256i;
  using Real = __m256;
  static constexpr I64 kLanes = 8, kBytes = 32;
  static INC_INLINE Int load(const std::byte* p) { return _mm256_loadu_si256(reinterpret_cast<const Int*>(p)); }
  static INC_INLINE Real load_real(const float* p) { return _mm256_loadu_ps(p); }
  template <bool kSigned>
  static INC_INLINE void widen(const std::byte* a, const std::byte* b, std::byte* to) {
    const __m128i both = _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(a)),
                                           _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b)));
    _mm256_storeu_si256(reinterpret_cast<Int*>(to), kSigned ? _mm256_cvtepi8_epi16(both) : _mm256_cvtepu8_epi16(both));
  }
  static INC_INLINE Int add_products(Int sum, Int w, Int v) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(w, v));
    asm("" : "+x"(sum));  // or all products are made first, and spilled
    return sum;
  }
  static INC_INLINE Real scaled(Int sum, Real scale, Real shift) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, shift);
  }
  static INC_INLINE void store_real(std::byte* const (&to)[4], const Real (&v)[4], const float* low, const float* high) {
    const Real lo = load_real(low), hi = load_real(high);
    for (int t = 0; t < 4; ++t)
      _mm256_storeu_ps(reinterpret_cast<float*>(to[t]), _mm256_min_ps(_mm256_max_ps(v[t], lo), hi));
  }
  template <bool kPlain>
  static INC_INLINE void store_bytes(std::byte* const (&to)[4], const Real (&v)[4], int zero, const std::byte* low,
                                     const std::byte* high, U8 flip) {
    const Int plus = _mm256_set1_epi16(static_cast<short>(zero));
    const Int a = _mm256_packs_epi32(_mm256_cvtps_epi32(v[0]), _mm256_cvtps_epi32(v[1]));
    const Int b = _mm256_packs_epi32(_mm256_cvtps_epi32(v[2]), _mm256_cvtps_epi32(v[3]));
    Int q = kPlain ? _mm256_packus_epi16(a, b) : _mm256_packus_epi16(_mm256_adds_epi16(a, plus), _mm256_adds_epi16(b, plus));
    q = _mm256_permutevar8x32_epi32(q, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    if (!kPlain) q = _mm256_max_epu8(q, _mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(low))));
    q = _mm256_min_epu8(q, _mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(high))));
    if (!kPlain) q = _mm256_xor_si256(q, _mm256_set1_epi8(static_cast<char>(flip)));
    const __m128i first = _mm256_castsi256_si128(q), second = _mm256_extracti128_si256(q, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to[0]), first);
    _mm_storeh_pi(reinterpret_cast<__m64*>(to[1]), _mm_castsi128_ps(first));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to[2]), second);
    _mm_storeh_pi(reinterpret_cast<__m64*>(to[3]), _mm_castsi128_ps(second));
  }
};

#ifdef __AVX512F__
struct Pairs16 {
  using Int = __m512i;
  using Real = __m512;
  static constexpr I64 kLanes = 16, kBytes = 64;
  static INC_INLINE Int load(const std::byte* p) { return _mm512_loadu_si512(p); }
  static INC_INLINE Real load_real(const float* p) { return _mm512_loadu_ps(p); }
  template <bool kSigned>
  static INC_INLINE void widen(const std::byte* a, const std::byte* b, std::byte* to) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
    const __m256i both = _mm256_set_m128i(_mm_unpackhi_epi8(low, high), _mm_unpacklo_epi8(low, high));
    _mm512_storeu_si512(to, kSigned ? _mm512_cvtepi8_epi16(both) : _mm512_cvtepu8_epi16(both));
  }
  static INC_INLINE Int add_products(Int sum, Int w, Int v) {
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sum, w, v);
#else
    return _mm512_add_epi32(sum, _mm512_madd_epi16(w, v));
#endif
  }
  static INC_INLINE Real scaled(Int sum, Real scale, Real shift) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, shift);
  }
  static INC_INLINE void store_real(std::byte* const (&to)[4], const Real (&v)[4], const float* low, const float* high) {
    const Real lo = load_real(low), hi = load_real(high);
    for (int t = 0; t < 4; ++t) _mm512_storeu_ps(to[t], _mm512_min_ps(_mm512_max_ps(v[t], lo), hi));
  }
  template <bool kPlain>
  static INC_INLINE void store_bytes(std::byte* const (&to)[4], const Real (&v)[4], int zero, const std::byte* low,
                                     const std::byte* high, U8 flip) {
    const Int plus = _mm512_set1_epi16(static_cast<short>(zero));
    const Int a = _mm512_packs_epi32(_mm512_cvtps_epi32(v[0]), _mm512_cvtps_epi32(v[1]));
    const Int b = _mm512_packs_epi32(_mm512_cvtps_epi32(v[2]), _mm512_cvtps_epi32(v[3]));
    Int q = kPlain ? _mm512_packus_epi16(a, b) : _mm512_packus_epi16(_mm512_adds_epi16(a, plus), _mm512_adds_epi16(b, plus));
    q = _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), q);
    if (!kPlain) q = _mm512_max_epu8(q, _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))));
    q = _mm512_min_epu8(q, _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(high))));
    if (!kPlain) q = _mm512_xor_si512(q, _mm512_set1_epi8(static_cast<char>(flip)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[0]), _mm512_castsi512_si128(q));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[1]), _mm512_extracti32x4_epi32(q, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[2]), _mm512_extracti32x4_epi32(q, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to[3]), _mm512_extracti32x4_epi32(q, 3));
  }
};
#endif

constexpr I64 kStripRows = 16;       ///< of a strip, most; all are equal, so that shares are
constexpr I64 kChannels = 128;       ///< of one call, most: whole lines of the cache
constexpr I64 kScratch = 128 << 10;  ///< bytes, likewise, but for four blocks

/// Unsigned results that may be 0, with zero point 0: kPlain of a sweep.
bool is_plain(const DepthwiseGroup& g) {
  bool plain = g.out == DepthwiseOut::U8 && g.out_zero == 0;
  for (I64 c = 0; c < g.shape.channels; ++c) plain = plain && g.low[c] <= 0.0f;
  return plain;
}

template <class P, int kStride, bool kPlain>
struct PairSweep {
  static constexpr I64 kLanes = P::kLanes, kColumns = 4;

  const DepthwiseJob& job;
  const DepthwiseShape& s;
  I64 image, top, slots, width;  ///< width: pixels of a row in scratch
  std::byte* scratch;
  std::byte* beyond;

  I64 channel(I64 block) const {
    return block + 1 < job.blocks || s.channels < kLanes ? block * kLanes : s.channels - kLanes;
  }
  std::byte* slot(I64 pair, I64 group) const { return scratch + (group * slots + pair % slots) * width * P::kBytes; }

  template <bool kSigned>
  void widen(I64 pair, I64 begin, I64 end) const {
    const std::byte* rows[2];
    for (int i = 0; i < 2; ++i) {
      const I64 y = top + 2 * pair + i;
      rows[i] = y < 0 || y >= s.height ? job.pad : job.src + (image * s.height + y) * s.width * s.channels;
    }
    const I64 left = s.left < width ? s.left : width, right = s.left + s.width < width ? s.left + s.width : width;
    const I64 step = s.channels;
    const std::byte* pad = job.pad;
    for (I64 block = begin; block < end; ++block) {
      std::byte *to = slot(pair, block - begin), *const start = to + left * P::kBytes, *const stop = to + right * P::kBytes,
                *const last = to + width * P::kBytes;
      const std::byte *a = rows[0] + channel(block), *b = rows[1] + channel(block);
      for (; to < start; to += P::kBytes) P::template widen<kSigned>(pad, pad, to);
#pragma GCC unroll 4
      for (; to < stop; to += P::kBytes, a += step, b += step) P::template widen<kSigned>(a, b, to);
      for (; to < last; to += P::kBytes) P::template widen<kSigned>(pad, pad, to);
    }
  }
  void widen(I64 pair, I64 begin, I64 end) const {
    if (job.flip_in != 0)
      widen<true>(pair, begin, end);
    else
      widen<false>(pair, begin, end);
  }

  /// Sums of the first C of four neighbouring output pixels. Windows of constant extents keep a pair's weights and use each
  /// pixel for all outputs that see it.
  template <int kWidth, int kPairs, int C>
  INC_INLINE void accumulate(typename P::Int (&sums)[kColumns], const std::byte* weights, I64 pair, I64 group,
                             I64 column) const {
    if constexpr (kWidth > 0) {
      typename P::Int w[kPairs * kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kPairs * kWidth; ++i) w[i] = P::load(weights + i * P::kBytes);
#pragma GCC unroll 8
      for (int p = 0; p < kPairs; ++p) {
        const std::byte* from = slot(pair + p, group) + column * P::kBytes;
#pragma GCC unroll 16
        for (int c = 0; c < (C - 1) * kStride + kWidth; ++c) {
          const auto v = P::load(from + c * P::kBytes);
#pragma GCC unroll 8
          for (int t = 0; t < C; ++t) {
            const int kx = c - t * kStride;
            if (kx >= 0 && kx < kWidth) sums[t] = P::add_products(sums[t], w[p * kWidth + kx], v);
          }
        }
      }
    } else {
      for (I64 p = 0; p < slots; ++p) {
        const std::byte* from = slot(pair + p, group) + column * P::kBytes;
        for (I64 kx = 0; kx < s.kernel_w; ++kx, weights += P::kBytes, from += s.dilation_w * P::kBytes) {
          const auto w = P::load(weights);
#pragma GCC unroll 8
          for (int t = 0; t < C; ++t) sums[t] = P::add_products(sums[t], w, P::load(from + t * kStride * P::kBytes));
        }
      }
    }
  }

  /// One output row of one block; `which`: the first or second of a pair of rows.
  template <int kWidth, int kPairs>
  INC_INLINE void row(std::byte* out, I64 pair, I64 block, I64 group, I64 which) const {
    const std::byte* weights =
        job.weights + block * job.weight_bytes + which * slots * (kWidth > 0 ? kWidth : s.kernel_w) * P::kBytes;
    const auto init = P::load(job.init + block * P::kBytes);
    const auto scale = P::load_real(job.scale + block * kLanes), shift = P::load_real(job.shift + block * kLanes);
    const auto *low = static_cast<const std::byte*>(job.low), *high = static_cast<const std::byte*>(job.high);
    const I64 zero = job.out_zero, size = !kPlain && job.real ? 4 : 1, step = s.channels * size,
              bound = block * kLanes * size;
    const I64 columns = s.out_width;
    const U8 flip = job.flip_out;
    out += channel(block) * size;
    const auto compute = [&]<int C>(I64 ox) __attribute__((always_inline)) {
      typename P::Int sums[kColumns];
      for (auto& sum : sums) sum = init;
      accumulate<kWidth, kPairs, C>(sums, weights, pair, group, ox * kStride);
      typename P::Real results[kColumns];
#pragma GCC unroll 8
      for (int t = 0; t < kColumns; ++t) results[t] = P::scaled(sums[t], scale, shift);
      std::byte* to[kColumns];
#pragma GCC unroll 8
      for (int t = 0; t < kColumns; ++t) to[t] = t < C ? out + t * step : beyond;
      if (!kPlain && size == 4)
        P::store_real(to, results, reinterpret_cast<const float*>(low + bound),
                      reinterpret_cast<const float*>(high + bound));
      else
        P::template store_bytes<kPlain>(to, results, static_cast<int>(zero), low + bound, high + bound, flip);
    };
    I64 ox = 0;
    for (; ox + kColumns <= columns; ox += kColumns, out += kColumns * step) compute.template operator()<kColumns>(ox);
    if (columns - ox == 1) compute.template operator()<1>(ox);
    if (columns - ox == 2) compute.template operator()<2>(ox);
    if (columns - ox == 3) compute.template operator()<3>(ox);
  }

  template <int kWidth, int kPairs>
  static void run(const DepthwiseJob& job, I64 strip, I64 begin, I64 end, std::byte* scratch) {
    const DepthwiseShape& s = job.shape;
    const I64 strips = (s.out_height + job.rows - 1) / job.rows, first = strip % strips * job.rows;
    const I64 last = first + job.rows < s.out_height ? first + job.rows : s.out_height;
    constexpr I64 kRows = kStride == 1 ? 2 : 1;
    alignas(64) std::byte beyond[4 * kLanes];
    const I64 slots = kPairs > 0 ? kPairs : job.slots;
    const PairSweep sweep{job, s, strip / strips, first * kStride - s.top, slots, job.scratch_width, scratch, beyond};
    for (I64 p = 0; p + 1 < slots; ++p) sweep.widen(p, begin, end);
    const I64 row_bytes = s.out_width * s.channels * (job.real ? 4 : 1);
    for (I64 oy = first; oy < last; oy += kRows) {
      const I64 pair = (oy - first) / kRows;
      sweep.widen(pair + slots - 1, begin, end);
      for (I64 block = begin; block < end; ++block)
        for (I64 r = 0; r < kRows && oy + r < last; ++r)
          sweep.template row<kWidth, kPairs>(job.dst + (sweep.image * s.out_height + oy + r) * row_bytes, pair, block,
                                             block - begin, r);
    }
  }
};

template <class P, bool kPlain>
DepthwiseSweep pair_sweep(bool one, bool three) {
  if (three) return one ? PairSweep<P, 1, kPlain>::template run<3, 2> : PairSweep<P, 2, kPlain>::template run<3, 2>;
  return one ? PairSweep<P, 1, kPlain>::template run<0, 0> : PairSweep<P, 2, kPlain>::template run<0, 0>;
}

/// No sweep where rows are dilated or strides differ.
template <class P>
DepthwiseVariant pair_variant(const DepthwiseGroup& g) {
  const DepthwiseShape& s = g.shape;
  if (s.channels < P::kLanes || s.dilation_h != 1 || s.stride_h != s.stride_w || s.stride_h > 2) return {};
  const I64 strips = (s.out_height + kStripRows - 1) / kStripRows, rows = (s.out_height + strips - 1) / strips;
  DepthwiseVariant v{nullptr, P::kLanes, rows + rows % 2, DepthwiseForm::Pairs};
  v.slots = (s.kernel_h + (s.stride_h == 1 ? 2 : 1)) / 2;
  const bool one = s.stride_h == 1, three = s.dilation_w == 1 && s.kernel_w == 3 && v.slots == 2;
  v.sweep = is_plain(g) ? pair_sweep<P, true>(one, three) : pair_sweep<P, false>(one, three);
  v.scratch_width = (s.out_width - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1;
  const I64 block_bytes = v.scratch_width * v.slots * P::kBytes, most = kChannels / P::kLanes, fit = kScratch / block_bytes;
  v.blocks = fit > most ? most : fit < 4 ? 4 : fit;
  v.scratch_bytes = block_bytes * v.blocks;
  return v;
}
