// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include "kernels/depthwise/variant.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
using U8 = std::uint8_t;

struct Lanes1 {
  using V = float;
  static constexpr I64 kLanes = 1;
  template <bool kSigned>
  static INC_INLINE V load8(const std::byte* p) {
    const auto v = static_cast<U8>(*p);
    return kSigned ? static_cast<float>(static_cast<std::int8_t>(v)) : static_cast<float>(v);
  }
  static INC_INLINE V load(const float* p) { return *p; }
  static INC_INLINE V set(float v) { return v; }
  static INC_INLINE V add_product(V sum, V a, V b) { return sum + a * b; }
  static INC_INLINE V scaled(V sum, V scale, V shift) { return __builtin_fmaf(sum, scale, shift); }
  static INC_INLINE void store(float* p, V v, V low, V high) {
    v = v < low ? low : v;
    *p = v > high ? high : v;
  }
  static INC_INLINE void store8(std::byte* p, V v, int zero, const U8* low, const U8* high, U8 flip) {
    int q = static_cast<int>(__builtin_rintf(v)) + zero;
    q = q < *low ? *low : q;
    q = q > *high ? *high : q;
    *p = static_cast<std::byte>(static_cast<U8>(q) ^ flip);
  }
};

#ifdef __AVX2__
struct Lanes8 {
  using V = __m256;
  static constexpr I64 kLanes = 8;
  template <bool kSigned>
  static INC_INLINE V load8(const std::byte* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm256_cvtepi32_ps(kSigned ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
  }
  static INC_INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
  static INC_INLINE V set(float v) { return _mm256_set1_ps(v); }
  static INC_INLINE V add_product(V sum, V a, V b) { return _mm256_fmadd_ps(a, b, sum); }
  static INC_INLINE V scaled(V sum, V scale, V shift) { return _mm256_fmadd_ps(sum, scale, shift); }
  static INC_INLINE void store(float* p, V v, V low, V high) {
    _mm256_storeu_ps(p, _mm256_min_ps(_mm256_max_ps(v, low), high));
  }
  static INC_INLINE void store8(std::byte* p, V v, int zero, const U8* low, const U8* high, U8 flip) {
    const __m256i q = _mm256_cvtps_epi32(v);
    const __m128i words = _mm_adds_epi16(_mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1)),
                                         _mm_set1_epi16(static_cast<short>(zero)));
    __m128i bytes = _mm_packus_epi16(words, words);
    bytes = _mm_max_epu8(bytes, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(low)));
    bytes = _mm_min_epu8(bytes, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(high)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(flip))));
  }
};
#endif

#ifdef __AVX512F__
struct Lanes16 {
  using V = __m512;
  static constexpr I64 kLanes = 16;
  template <bool kSigned>
  static INC_INLINE V load8(const std::byte* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm512_cvtepi32_ps(kSigned ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
  }
  static INC_INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
  static INC_INLINE V set(float v) { return _mm512_set1_ps(v); }
  static INC_INLINE V add_product(V sum, V a, V b) { return _mm512_fmadd_ps(a, b, sum); }
  static INC_INLINE V scaled(V sum, V scale, V shift) { return _mm512_fmadd_ps(sum, scale, shift); }
  static INC_INLINE void store(float* p, V v, V low, V high) {
    _mm512_storeu_ps(p, _mm512_min_ps(_mm512_max_ps(v, low), high));
  }
  static INC_INLINE void store8(std::byte* p, V v, int zero, const U8* low, const U8* high, U8 flip) {
    const __m512i q = _mm512_cvtps_epi32(v);
    const __m256i words = _mm256_adds_epi16(_mm512_cvtsepi32_epi16(q), _mm256_set1_epi16(static_cast<short>(zero)));
    __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    bytes = _mm_max_epu8(bytes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(low)));
    bytes = _mm_min_epu8(bytes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_xor_si128(bytes, _mm_set1_epi8(static_cast<char>(flip))));
  }
};
#endif

/// The constants of one block of channels.
template <class L>
struct Block {
  Block(const DepthwiseJob& job, I64 block)
      : channel(block + 1 < job.blocks || job.shape.channels < L::kLanes ? block * L::kLanes
                                                                         : job.shape.channels - L::kLanes),
        weights(reinterpret_cast<const float*>(job.weights + block * job.weight_bytes)),
        init(reinterpret_cast<const float*>(job.init) + block * L::kLanes),
        scale(job.scale + block * L::kLanes),
        shift(job.shift + block * L::kLanes),
        low(static_cast<const float*>(job.low) + (job.real ? block * L::kLanes : 0)),
        high(static_cast<const float*>(job.high) + (job.real ? block * L::kLanes : 0)),
        low8(static_cast<const U8*>(job.low) + block * L::kLanes),
        high8(static_cast<const U8*>(job.high) + block * L::kLanes),
        zero(job.out_zero),
        flip(job.flip_out),
        real(job.real) {}

  INC_INLINE void finish(std::byte* to, typename L::V sum) const {
    const typename L::V v = L::scaled(sum, L::load(scale), L::load(shift));
    if (real)
      L::store(reinterpret_cast<float*>(to), v, L::load(low), L::load(high));
    else
      L::store8(to, v, zero, low8, high8, flip);
  }

  I64 channel;
  const float *weights, *init, *scale, *shift, *low, *high;
  const U8 *low8, *high8;
  int zero;
  U8 flip;
  bool real;
};

struct Place {
  I64 image, row;  ///< of the first output row
  Place(const DepthwiseShape& s, I64 strip, I64 rows) {
    const I64 strips = (s.out_height + rows - 1) / rows;
    image = strip / strips;
    row = strip % strips * rows;
  }
};

const std::byte* input_row(const DepthwiseJob& job, I64 image, I64 y) {
  const DepthwiseShape& s = job.shape;
  return y < 0 || y >= s.height ? job.pad : job.src + (image * s.height + y) * s.width * s.channels;
}

/// Any window, one tap at a time: products of FP32 numbers that hold 8-bit integers.
template <class L, bool kSigned>
void sweep_block(const DepthwiseJob& job, I64 strip, I64 block) {
  using V = typename L::V;
  constexpr I64 kColumns = 4;
  const DepthwiseShape s = job.shape;
  const Place at(s, strip, 1);
  const Block<L> b(job, block);
  const V pad = L::set(static_cast<float>(job.input_zero));
  for (I64 ox = 0; ox < s.out_width; ox += kColumns) {
    V sums[kColumns];
    for (V& sum : sums) sum = L::load(b.init);
    for (I64 ky = 0; ky < s.kernel_h; ++ky) {
      const std::byte* row = input_row(job, at.image, at.row * s.stride_h - s.top + ky * s.dilation_h) + b.channel;
      for (I64 kx = 0; kx < s.kernel_w; ++kx) {
        const V w = L::load(b.weights + (ky * s.kernel_w + kx) * L::kLanes);
        for (I64 t = 0; t < kColumns; ++t) {
          const I64 x = (ox + t) * s.stride_w - s.left + kx * s.dilation_w;
          const V v = x >= 0 && x < s.width ? L::template load8<kSigned>(row + x * s.channels) : pad;
          sums[t] = L::add_product(sums[t], v, w);
        }
      }
    }
    const I64 size = b.real ? 4 : 1;
    std::byte* out = job.dst + (at.image * s.out_height + at.row) * s.out_width * s.channels * size;
    for (I64 t = 0; t < kColumns && ox + t < s.out_width; ++t)
      b.finish(out + ((ox + t) * s.channels + b.channel) * size, sums[t]);
  }
}

template <class L, bool kSigned>
void sweep_taps(const DepthwiseJob& job, I64 strip, I64 begin, I64 end, std::byte*) {
  for (I64 block = begin; block < end; ++block) sweep_block<L, kSigned>(job, strip, block);
}

template <class L>
DepthwiseVariant tap_variant(const DepthwiseGroup& g) {
  return {g.signed_input ? sweep_taps<L, true> : sweep_taps<L, false>, L::kLanes, 1};
}

#ifdef __AVX2__
#include "kernels/depthwise/pairs.h"
#endif

}  // namespace

DepthwiseVariant depthwise_variant(const DepthwiseGroup& group) {
#ifdef __AVX512F__
  if (const auto v = pair_variant<Pairs16>(group); v.sweep != nullptr) return v;
  if (group.shape.channels >= Lanes16::kLanes) return tap_variant<Lanes16>(group);
#endif
#ifdef __AVX2__
  if (const auto v = pair_variant<Pairs8>(group); v.sweep != nullptr) return v;
  if (group.shape.channels >= Lanes8::kLanes) return tap_variant<Lanes8>(group);
#endif
  return tap_variant<Lanes1>(group);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
