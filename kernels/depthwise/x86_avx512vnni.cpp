#include <immintrin.h>

#include "kernels/depthwise/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::avx512vnni {
namespace {

using I64 = std::int64_t;
using U8 = std::uint8_t;
using V = __m512i;

constexpr int kLanes = 64, kSize = 3, kColumns = 2, kLeastChannels = 8;

INC_INLINE V multiply_add(V sum, V x, V w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));  // the builtin of gcc 12 loads the weights once for every use
  return sum;
}

/// 3 × 3 taps on 64 lanes: the bytes of four input rows are interleaved once per input column and multiplied by the four
/// (three and a zero) weights of a window's column. kRows output rows and two output columns share them.
/// Interleaving leaves the channels in groups of four, 16 * lane + 4 * j; packing the sums to bytes undoes that.
/// kStrips: of that many strips of output rows 64, 32 or 16 channels each fill the lanes.
/// kPlain: numbers are unsigned, and results that are not negative have the lower bound and the zero point 0.
template <int kStride, int kRows, int kStrips, bool kMasked, bool kPlain>
struct Sweep {
  static constexpr int kWidth = kLanes / kStrips;  // channels
  static constexpr int kWindow = (kColumns - 1) * kStride + kSize, kKept = kWindow - kColumns * kStride;
  static constexpr int kInputs = (kRows - 1) * kStride + kSize;
  static_assert(kInputs <= 4);

  const std::byte* rows[kInputs][kStrips];
  std::byte* out[kRows][kStrips];  ///< a row that does not exist goes to `beyond`, as does a column
  I64 out_step[kRows][kStrips];
  std::byte* beyond;
  const std::byte* weights;
  const std::int32_t* init;
  const float *scale, *shift;
  I64 left, width, channels, out_width;
  __mmask64 mask;
  V low, high, flip_in, flip_out, pad, zero;

  INC_INLINE V load(const std::byte* const (&from)[kStrips], I64 at) const {
    V v;
    if constexpr (kStrips == 1) {
      v = kMasked ? _mm512_maskz_loadu_epi8(mask, from[0] + at) : _mm512_loadu_si512(from[0] + at);
    } else if constexpr (kStrips == 2) {
      const auto half = [&](int i) __attribute__((always_inline)) {
        return kMasked ? _mm256_maskz_loadu_epi8(static_cast<__mmask32>(mask), from[i] + at)
                       : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[i] + at));
      };
      v = _mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(1), 1);
    } else {
      const auto quarter = [&](int i) __attribute__((always_inline)) {
        return kMasked ? _mm_maskz_loadu_epi8(static_cast<__mmask16>(mask), from[i] + at)
                       : _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i] + at));
      };
      v = _mm512_inserti32x4(_mm512_castsi128_si512(quarter(0)), quarter(1), 1);
      v = _mm512_inserti32x4(_mm512_inserti32x4(v, quarter(2), 2), quarter(3), 3);
    }
    return kPlain ? v : _mm512_xor_si512(v, flip_in);
  }

  INC_INLINE void column(I64 u, V (&quads)[4]) const {
    const I64 x = u - left, at = x * channels;
    if (x < 0 || x >= width) {
      for (V& quad : quads) quad = pad;
      return;
    }
    const V a = load(rows[0], at), b = load(rows[1], at), c = load(rows[2], at), d = load(rows[kInputs - 1], at);
    const V ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const V cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    quads[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    quads[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    quads[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    quads[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
  }

  INC_INLINE void store_part(std::byte* to, V v) const {
    kMasked ? _mm512_mask_storeu_epi8(to, mask, v) : _mm512_storeu_si512(to, v);
  }
  INC_INLINE void store_part(std::byte* to, __m256i v) const {
    const auto m = static_cast<__mmask32>(mask);
    kMasked ? _mm256_mask_storeu_epi8(to, m, v) : _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v);
  }
  INC_INLINE void store_part(std::byte* to, __m128i v) const {
    const auto m = static_cast<__mmask16>(mask);
    kMasked ? _mm_mask_storeu_epi8(to, m, v) : _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v);
  }

  INC_INLINE void store(int r, I64 ox, V low_words, V high_words) const {
    if (!kPlain) low_words = _mm512_adds_epi16(low_words, zero), high_words = _mm512_adds_epi16(high_words, zero);
    V bytes = _mm512_packus_epi16(low_words, high_words);
    if (!kPlain) bytes = _mm512_max_epu8(bytes, low);
    bytes = _mm512_min_epu8(bytes, high);
    if (!kPlain) bytes = _mm512_xor_si512(bytes, flip_out);
    const auto to = [&](int i) __attribute__((always_inline)) {
      return ox < out_width ? out[r][i] + ox * out_step[r][i] : beyond;
    };
    if constexpr (kStrips == 1) {
      store_part(to(0), bytes);
    } else if constexpr (kStrips == 2) {
      store_part(to(0), _mm512_castsi512_si256(bytes));
      store_part(to(1), _mm512_extracti64x4_epi64(bytes, 1));
    } else {
      store_part(to(0), _mm512_castsi512_si128(bytes));
      store_part(to(1), _mm512_extracti32x4_epi32(bytes, 1));
      store_part(to(2), _mm512_extracti32x4_epi32(bytes, 2));
      store_part(to(3), _mm512_extracti32x4_epi32(bytes, 3));
    }
  }

  /// The sums of 16 lanes, scaled and rounded.
  INC_INLINE void sums(const V (&window)[kWindow][4], int j, V (&to)[kRows][kColumns]) const {
    const V start = _mm512_load_si512(init + 16 * j);
    for (int r = 0; r < kRows; ++r)
      for (int t = 0; t < kColumns; ++t) to[r][t] = start;
#pragma GCC unroll 16
    for (int kx = 0; kx < kSize; ++kx)
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const V w = _mm512_load_si512(weights + ((j * kSize + kx) * kRows + r) * 64);
#pragma GCC unroll 16
        for (int t = 0; t < kColumns; ++t) to[r][t] = multiply_add(to[r][t], window[t * kStride + kx][j], w);
      }
    const __m512 by = _mm512_load_ps(scale + 16 * j), plus = _mm512_load_ps(shift + 16 * j);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int t = 0; t < kColumns; ++t)
        to[r][t] = _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(to[r][t]), by, plus));
  }

  INC_INLINE void outputs(const V (&window)[kWindow][4], I64 ox) const {
    V a[kRows][kColumns], b[kRows][kColumns], words[kRows][kColumns];
    sums(window, 0, a);
    sums(window, 1, b);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int t = 0; t < kColumns; ++t) words[r][t] = _mm512_packs_epi32(a[r][t], b[r][t]);
    sums(window, 2, a);
    sums(window, 3, b);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int t = 0; t < kColumns; ++t) store(r, ox + t, words[r][t], _mm512_packs_epi32(a[r][t], b[r][t]));
  }

  /// Strips that do not exist repeat the first.
  static void run_block(const DepthwiseJob& job, I64 strip, I64 all, I64 block) {
    const DepthwiseShape& shape = job.shape;
    const I64 strips = (shape.out_height + kRows - 1) / kRows, channel = job.parts[block].first;
    alignas(64) std::byte beyond[kLanes];
    Sweep s;
    s.beyond = beyond;
    for (int n = 0; n < kStrips; ++n) {
      const bool real = strip + n < all;
      const I64 at = real ? strip + n : strip, image = at / strips, row = at % strips * kRows;
      for (int i = 0; i < kInputs; ++i) {
        const I64 y = row * kStride - shape.top + i;
        const bool inside = y >= 0 && y < shape.height;
        s.rows[i][n] = channel + (inside ? job.src + (image * shape.height + y) * shape.width * shape.channels : job.pad);
      }
      for (int r = 0; r < kRows; ++r) {
        const bool exists = real && row + r < shape.out_height;
        const I64 pixel = (image * shape.out_height + row + r) * shape.out_width;
        s.out[r][n] = exists ? job.dst + pixel * shape.channels + channel : beyond;
        s.out_step[r][n] = exists ? shape.channels : 0;
      }
    }
    s.weights = job.weights + block * job.weight_bytes;
    s.init = reinterpret_cast<const std::int32_t*>(job.init) + block * kLanes;
    s.scale = job.scale + block * kLanes;
    s.shift = job.shift + block * kLanes;
    s.low = _mm512_load_si512(static_cast<const std::byte*>(job.low) + block * kLanes);
    s.high = _mm512_load_si512(static_cast<const std::byte*>(job.high) + block * kLanes);
    s.left = shape.left;
    s.width = shape.width;
    s.channels = shape.channels;
    s.out_width = shape.out_width;
    s.mask = kMasked ? (__mmask64{1} << job.parts[block].channels) - 1 : ~__mmask64{0};
    s.flip_in = _mm512_set1_epi8(static_cast<char>(job.flip_in));
    s.flip_out = _mm512_set1_epi8(static_cast<char>(job.flip_out));
    s.pad = _mm512_set1_epi8(static_cast<char>(job.input_zero));
    s.zero = _mm512_set1_epi16(static_cast<short>(job.out_zero));
    s.strip();
  }

  INC_INLINE void strip() const {
    V window[kWindow][4];
#pragma GCC unroll 16
    for (int i = 0; i < kKept; ++i) column(i, window[i]);
    for (I64 ox = 0; ox < out_width; ox += kColumns) {
#pragma GCC unroll 16
      for (int i = kKept; i < kWindow; ++i) column(ox * kStride + i, window[i]);
      outputs(window, ox);
#pragma GCC unroll 16
      for (int i = 0; i < kKept; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < 4; ++j) window[i][j] = window[kColumns * kStride + i][j];
    }
  }
};

template <int kStride, int kRows, int kStrips, bool kPlain>
void sweep_part(const DepthwiseJob& job, I64 strip, I64 all, I64 block) {
  if (job.parts[block].channels < kLanes / kStrips)
    Sweep<kStride, kRows, kStrips, true, false>::run_block(job, strip, all, block);
  else
    Sweep<kStride, kRows, kStrips, false, kPlain>::run_block(job, strip, all, block);
}

template <int kStride, int kRows, bool kPlain>
void sweep(const DepthwiseJob& job, I64 call, I64 begin, I64 end, std::byte*) {
  const I64 all = job.shape.batch * ((job.shape.out_height + kRows - 1) / kRows);
  const I64 first = call * job.strips, last = first + job.strips < all ? first + job.strips : all;
  for (I64 block = begin; block < end; ++block) {
    const int strips = job.parts[block].strips;
    const auto run = strips == 1   ? sweep_part<kStride, kRows, 1, kPlain>
                     : strips == 2 ? sweep_part<kStride, kRows, 2, kPlain>
                                   : sweep_part<kStride, kRows, 4, kPlain>;
    for (I64 strip = first; strip < last; strip += strips) run(job, strip, last, block);
  }
}

#include "kernels/depthwise/pairs.h"

DepthwiseVariant quad_variant(const DepthwiseGroup& group) {
  const DepthwiseShape& s = group.shape;
  const bool mine = s.kernel_h == kSize && s.kernel_w == kSize && s.stride_h == s.stride_w && s.stride_h <= 2 &&
                    s.dilation_h == 1 && s.dilation_w == 1 && s.channels >= kLeastChannels && group.out != DepthwiseOut::F32;
  if (!mine) return {};
  const bool plain = !group.signed_input && is_plain(group);
  const DepthwiseSweep one = plain ? sweep<1, 2, true> : sweep<1, 2, false>;
  const DepthwiseSweep two = plain ? sweep<2, 1, true> : sweep<2, 1, false>;
  return {s.stride_h == 1 ? one : two, kLanes, s.stride_h == 1 ? 2 : 1, DepthwiseForm::Quads};
}

}  // namespace

DepthwiseVariant depthwise_variant(const DepthwiseGroup& group) {
  const auto v = quad_variant(group);
  return v.sweep != nullptr ? v : pair_variant<Pairs16>(group);
}

}  // namespace inc::kernels::avx512vnni
