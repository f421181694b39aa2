#include <immintrin.h>

#include <cstring>

#include "kernels/depthwise/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::avx512vnni {
namespace {

using I64 = std::int64_t;
using U8 = std::uint8_t;
using V = __m512i;

constexpr int kLanes = 64, kSize = 3, kColumns = 2;

/// 3 × 3 taps on 64 channels: the bytes of four input rows are interleaved once per input column and multiplied by the
/// four (three and a zero) weights of a window's column. kRows output rows and two output columns share them.
/// Interleaving leaves the channels in groups of four, 16 * lane + 4 * j; packing the sums to bytes undoes that.
/// kPixels: neighbouring pixels of 32 channels that fill a vector; then a column is read at each pixel, and each output
/// column is two pixels.
template <int kStride, int kRows, bool kMasked, int kPixels = 1>
struct Sweep {
  static constexpr int kStep = kStride * kPixels;
  static constexpr int kWindow = (kColumns - 1) * kStep + kSize, kKept = kWindow - kColumns * kStep;
  static constexpr int kInputs = (kRows - 1) * kStride + kSize;
  static_assert(kInputs <= 4);

  const std::byte* rows[4];
  std::byte* out[kRows];     ///< a row that does not exist goes to `beyond`
  std::byte *beyond, *tail;  ///< tail: for each row, the last vector where only its first half exists
  const std::byte* weights;
  const std::int32_t* init;
  const float *scale, *shift;
  const std::byte *low, *high;
  I64 left, width, channels, out_width, out_step[kRows];
  __mmask64 mask;
  V flip_in, flip_out, pad, zero;

  INC_INLINE V load(const std::byte* p) const {
    const V v = kMasked ? _mm512_maskz_loadu_epi8(mask, p) : _mm512_loadu_si512(p);
    return _mm512_xor_si512(v, flip_in);
  }

  /// With padding in the other half.
  INC_INLINE V load_half(__mmask64 half, const std::byte* p) const {
    const V v = _mm512_maskz_loadu_epi8(half, p);
    return _mm512_mask_blend_epi8(half, pad, _mm512_xor_si512(v, flip_in));
  }

  INC_INLINE void column(I64 u, V (&quads)[4]) const {
    const I64 x = u - left, at = x * channels;
    V a, b, c, d;
    if (x >= 0 && x + kPixels <= width) {
      a = load(rows[0] + at), b = load(rows[1] + at), c = load(rows[2] + at), d = kInputs > 3 ? load(rows[3] + at) : c;
    } else if (kPixels == 2 && (x == -1 || x + 1 == width)) {
      const __mmask64 half = x == -1 ? ~__mmask64{0} << 32 : ~__mmask64{0} >> 32;
      a = load_half(half, rows[0] + at), b = load_half(half, rows[1] + at), c = load_half(half, rows[2] + at);
      d = load_half(half, rows[3] + at);
    } else {
      for (V& quad : quads) quad = pad;
      return;
    }
    const V ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const V cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    quads[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    quads[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    quads[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    quads[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
  }

  INC_INLINE void store(std::byte* to, V low_words, V high_words) const {
    low_words = _mm512_adds_epi16(low_words, zero);
    high_words = _mm512_adds_epi16(high_words, zero);
    V bytes = _mm512_packus_epi16(low_words, high_words);
    bytes = _mm512_max_epu8(bytes, _mm512_loadu_si512(low));
    bytes = _mm512_min_epu8(bytes, _mm512_loadu_si512(high));
    bytes = _mm512_xor_si512(bytes, flip_out);
    if (kMasked)
      _mm512_mask_storeu_epi8(to, mask, bytes);
    else
      _mm512_storeu_si512(to, bytes);
  }

  /// The sums of 16 channels, scaled and rounded.
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
        for (int t = 0; t < kColumns; ++t) to[r][t] = _mm512_dpbusd_epi32(to[r][t], window[t * kStep + kx][j], w);
      }
    const __m512 by = _mm512_load_ps(scale + 16 * j), plus = _mm512_load_ps(shift + 16 * j);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 16
      for (int t = 0; t < kColumns; ++t)
        to[r][t] = _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(to[r][t]), by, plus));
  }

  INC_INLINE std::byte* place(int r, I64 ox) const {
    std::byte* const rest = kPixels == 2 && ox < out_width ? tail + r * kLanes : beyond;
    return ox + kPixels <= out_width ? out[r] + ox * out_step[r] : rest;
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
      for (int t = 0; t < kColumns; ++t)
        store(place(r, (ox + t) * kPixels), words[r][t], _mm512_packs_epi32(a[r][t], b[r][t]));
  }

  static void run_block(const DepthwiseJob& job, I64 strip, I64 block) {
    const DepthwiseShape& shape = job.shape;
    const I64 strips = (shape.out_height + kRows - 1) / kRows, image = strip / strips, row = strip % strips * kRows;
    const I64 channel = kMasked || kPixels > 1 || block + 1 < job.blocks ? block * kLanes : shape.channels - kLanes;
    Sweep s;
    for (int i = 0; i < 4; ++i) {
      const I64 y = row * kStride - shape.top + i;
      s.rows[i] =
          channel +
          (y < 0 || y >= shape.height ? job.pad : job.src + (image * shape.height + y) * shape.width * shape.channels);
    }
    alignas(64) std::byte beyond[kLanes], tail[kRows * kLanes];
    s.beyond = beyond;
    s.tail = tail;
    for (int r = 0; r < kRows; ++r) {
      const bool exists = row + r < shape.out_height;
      s.out[r] =
          exists ? job.dst + (image * shape.out_height + row + r) * shape.out_width * shape.channels + channel : beyond;
      s.out_step[r] = exists ? shape.channels : 0;
    }
    s.weights = job.weights + block * job.weight_bytes;
    s.init = reinterpret_cast<const std::int32_t*>(job.init) + block * kLanes;
    s.scale = job.scale + block * kLanes;
    s.shift = job.shift + block * kLanes;
    s.low = static_cast<const std::byte*>(job.low) + block * kLanes;
    s.high = static_cast<const std::byte*>(job.high) + block * kLanes;
    s.left = shape.left;
    s.width = shape.width;
    s.channels = shape.channels;
    s.out_width = shape.out_width;
    s.mask = kMasked ? (__mmask64{1} << shape.channels) - 1 : ~__mmask64{0};
    s.flip_in = _mm512_set1_epi8(static_cast<char>(job.flip_in));
    s.flip_out = _mm512_set1_epi8(static_cast<char>(job.flip_out));
    s.pad = _mm512_set1_epi8(static_cast<char>(job.input_zero));
    s.zero = _mm512_set1_epi16(static_cast<short>(job.out_zero));
    s.strip();
    if (kPixels == 2 && shape.out_width % 2 != 0)
      for (int r = 0; r < kRows; ++r)
        std::memcpy(s.out[r] + (shape.out_width - 1) * s.out_step[r], tail + r * kLanes, kLanes / 2);
  }

  INC_INLINE void strip() const {
    V window[kWindow][4];
#pragma GCC unroll 16
    for (int i = 0; i < kKept; ++i) column(i, window[i]);
    for (I64 ox = 0; ox * kPixels < out_width; ox += kColumns) {
#pragma GCC unroll 16
      for (int i = kKept; i < kWindow; ++i) column(ox * kStep + i, window[i]);
      outputs(window, ox);
#pragma GCC unroll 16
      for (int i = 0; i < kKept; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < 4; ++j) window[i][j] = window[kColumns * kStep + i][j];
    }
  }

  static void run(const DepthwiseJob& job, I64 strip, I64 begin, I64 end, std::byte*) {
    for (I64 block = begin; block < end; ++block) run_block(job, strip, block);
  }
};

#include "kernels/depthwise/pairs.h"

DepthwiseVariant quad_variant(const DepthwiseGroup& group) {
  const DepthwiseShape& s = group.shape;
  const bool mine = s.kernel_h == kSize && s.kernel_w == kSize && s.stride_h == s.stride_w && s.stride_h <= 2 &&
                    s.dilation_h == 1 && s.dilation_w == 1 && s.channels >= kLanes / 2 && group.out != DepthwiseOut::F32;
  if (!mine) return {};
  if (s.channels == kLanes / 2 && s.stride_h == 1) {
    DepthwiseVariant v{Sweep<1, 2, false, 2>::run, kLanes, 2, DepthwiseForm::Quads};
    v.pixels = 2;
    return v;
  }
  const bool masked = s.channels < kLanes;
  const DepthwiseSweep one = masked ? Sweep<1, 2, true>::run : Sweep<1, 2, false>::run;
  const DepthwiseSweep two = masked ? Sweep<2, 1, true>::run : Sweep<2, 1, false>::run;
  return {s.stride_h == 1 ? one : two, kLanes, s.stride_h == 1 ? 2 : 1, DepthwiseForm::Quads};
}

}  // namespace

DepthwiseVariant depthwise_variant(const DepthwiseGroup& group) {
  const auto v = quad_variant(group);
  return v.sweep != nullptr ? v : pair_variant<Pairs16>(group.shape);
}

}  // namespace inc::kernels::avx512vnni
