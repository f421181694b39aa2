#include <immintrin.h>

#include <cstring>

#include "kernels/dense/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::avx512vnni {
namespace {

using I64 = std::int64_t;
using V = __m512i;

INC_INLINE V splat_unit(const std::byte* from) {
  std::int32_t unit;
  std::memcpy(&unit, from, sizeof unit);
  return _mm512_set1_epi32(unit);
}

INC_INLINE V multiply_add(V sum, V x, V w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));  // gcc 12 copies the sums around the builtin
  return sum;
}

/// Four vectors as bytes, in groups of four channels. kPlain: of unsigned results with zero point 0 that may be 0.
template <bool kPlain>
struct Packer {
  V low, high, zero, flip;
  explicit Packer(const DenseRun& r)
      : low(_mm512_loadu_si512(r.block->low8)),
        high(_mm512_loadu_si512(r.block->high8)),
        zero(_mm512_set1_epi16(static_cast<short>(r.out_zero + (r.out == DenseOut::S8 ? 128 : 0)))),
        flip(_mm512_set1_epi8(static_cast<char>(r.out == DenseOut::S8 ? 128 : 0))) {}

  INC_INLINE V interleaved(V a, V b, V c, V d) const {
    V ab = _mm512_packs_epi32(a, b), cd = _mm512_packs_epi32(c, d);
    if (!kPlain) ab = _mm512_adds_epi16(ab, zero), cd = _mm512_adds_epi16(cd, zero);
    return _mm512_packus_epi16(ab, cd);
  }
  INC_INLINE V held(V bytes) const {
    if (kPlain) return _mm512_min_epu8(bytes, high);
    return _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(bytes, low), high), flip);
  }
};

/// Vectors one behind the other.
INC_INLINE V ordered(V bytes) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}

enum class Addend : std::uint8_t { None, Unsigned, Signed, Numbers };

/// P pixels times C vectors of channels. kPlain: of unsigned numbers, with such residuals and results.
template <int C, int P, bool kPlain>
struct Tile {
  V sum[P][C];

  INC_INLINE void multiply(const DenseRun& r, I64 at, const std::byte*& next, V flip) {
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      const V init = _mm512_load_si512(r.block->init + 16 * j);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) sum[p][j] = init;
    }
    const std::byte *w = r.weights, *ahead = next;
    const I64 step = r.src_step, three = 3 * step;
    for (I64 k = 0; k < r.kernel_h; ++k) {
      constexpr int kGroups = (P + 3) / 4;
      const std::byte* x[kGroups];
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) {
        x[g] = r.rows[k] + at + 4 * g * step;
        asm("" : "+r"(x[g]));  // or every pixel gets an index of its own, more than there are registers
      }
      for (I64 u = 0; u < r.units; ++u, w += 64 * C, ahead += 64) {
        _mm_prefetch(ahead, _MM_HINT_T1);
        V right[C];
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) right[j] = _mm512_load_si512(w + 64 * j);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) {
          const V unit = splat_unit(x[p / 4] + (p % 4 == 3 ? three : p % 4 * step));
          const V left = kPlain ? unit : _mm512_xor_si512(unit, flip);
#pragma GCC unroll 4
          for (int j = 0; j < C; ++j) sum[p][j] = multiply_add(sum[p][j], left, right[j]);
        }
#pragma GCC unroll 4
        for (int g = 0; g < kGroups; ++g) x[g] += 4;
      }
    }
    next = ahead;
  }

  INC_INLINE __m512 scaled(int p, __m512 scale, __m512 shift, int j) const {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[p][j]), scale, shift);
  }

  INC_INLINE void store_floats(const DenseRun& r, std::byte* y) const {
    const DenseBlock& b = *r.block;
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      const __m512 scale = _mm512_load_ps(b.scale + 16 * j), shift = _mm512_load_ps(b.shift + 16 * j);
      const __m512 low = _mm512_load_ps(b.low + 16 * j), high = _mm512_load_ps(b.high + 16 * j);
      const I64 rest = b.channels - 16 * j;
      const auto mask = static_cast<__mmask16>(rest >= 16 ? 0xffff : (1 << rest) - 1);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
        _mm512_mask_storeu_ps(y + p * r.dst_step + 64 * j, mask,
                              _mm512_min_ps(high, _mm512_max_ps(low, scaled(p, scale, shift, j))));
    }
  }

  /// Those of vector j for a pixel, in the order of its lanes; as numbers from 0 to 255, signed ones 128 too large.
  template <bool kSigned>
  static INC_INLINE V residual(const std::byte* from, int j, I64 channels) {
    if constexpr (C == 4) {
      const __mmask64 mask = channels == 64 ? ~__mmask64{0} : (__mmask64{1} << channels) - 1;
      V bytes = _mm512_maskz_loadu_epi8(mask, from);
      if (kSigned) bytes = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
      const __m128i quarter =
          _mm_add_epi8(_mm_setr_epi8(0, -128, -128, -128, 1, -128, -128, -128, 2, -128, -128, -128, 3, -128, -128, -128),
                       _mm_set1_epi32(4 * j));
      return _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(quarter));
    }
    const I64 rest = channels - 16 * j;
    const auto mask = static_cast<__mmask16>(rest >= 16 ? 0xffff : (1 << rest) - 1);
    const __m128i bytes = _mm_maskz_loadu_epi8(mask, from + 16 * j);
    return _mm512_cvtepu8_epi32(kSigned ? _mm_xor_si128(bytes, _mm_set1_epi8(-128)) : bytes);
  }

  static INC_INLINE __m512 numbers(const std::byte* from, int j, I64 channels) {
    const I64 rest = channels - 16 * j;
    const auto mask = static_cast<__mmask16>(rest >= 16 ? 0xffff : (1 << rest) - 1);
    return _mm512_maskz_loadu_ps(mask, from + 64 * j);
  }

  /// Not a number becomes 0.
  static INC_INLINE __m512 within(__m512 t) {
    t = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, t, _CMP_ORD_Q), t);
    return _mm512_min_ps(_mm512_max_ps(t, _mm512_set1_ps(-1e6f)), _mm512_set1_ps(1e6f));
  }

  template <Addend kAddend>
  INC_INLINE void store_bytes(const DenseRun& r, std::byte* y, [[maybe_unused]] const std::byte* addend) {
    const DenseBlock& b = *r.block;
    const I64 step = r.dst_step, channels = b.channels;
    const __m512 residual_scale = _mm512_set1_ps(r.residual_scale);
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      const __m512 scale = _mm512_load_ps(b.scale + 16 * j), shift = _mm512_load_ps(b.shift + 16 * j);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        __m512 t = scaled(p, scale, shift, j);
        if constexpr (kAddend == Addend::Unsigned || kAddend == Addend::Signed) {
          constexpr bool kSigned = kAddend == Addend::Signed;
          V q = residual<kSigned>(addend + p * step, j, channels);
          if (kSigned) q = _mm512_add_epi32(q, _mm512_set1_epi32(-128));
          t = _mm512_fmadd_ps(_mm512_cvtepi32_ps(q), residual_scale, t);
        }
        if constexpr (kAddend == Addend::Numbers)
          t = within(_mm512_fmadd_ps(numbers(addend + 4 * p * step, j, channels), residual_scale, t));
        sum[p][j] = _mm512_cvtps_epi32(t);
      }
    }
    const Packer<kPlain> packer(r);
    if constexpr (C == 4) {
      const __mmask64 mask = channels == 64 ? ~__mmask64{0} : (__mmask64{1} << channels) - 1;
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const V bytes = packer.interleaved(sum[p][0], sum[p][1], sum[p][2], sum[p][3]);
        _mm512_mask_storeu_epi8(y + p * step, mask, packer.held(kAddend == Addend::Numbers ? ordered(bytes) : bytes));
      }
    } else if constexpr (C == 3) {
      const __mmask64 mask = (__mmask64{1} << channels) - 1;
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
        _mm512_mask_storeu_epi8(y + p * step, mask,
                                packer.held(ordered(packer.interleaved(sum[p][0], sum[p][1], sum[p][2], sum[p][2]))));
    } else if constexpr (C == 2) {
      const auto mask = static_cast<__mmask32>((std::uint64_t{1} << channels) - 1);
#pragma GCC unroll 16
      for (int p = 0; p < P; p += 2) {
        constexpr bool kTwo = P > 1;
        const int q = kTwo ? p + 1 : p;
        const V bytes = packer.held(ordered(packer.interleaved(sum[p][0], sum[p][1], sum[q][0], sum[q][1])));
        _mm256_mask_storeu_epi8(y + p * step, mask, _mm512_castsi512_si256(bytes));
        if (kTwo) _mm256_mask_storeu_epi8(y + q * step, mask, _mm512_extracti64x4_epi64(bytes, 1));
      }
    } else if constexpr (P < 4) {
      const auto mask = static_cast<__mmask16>((1 << channels) - 1);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const V bytes = packer.held(ordered(packer.interleaved(sum[p][0], sum[p][0], sum[p][0], sum[p][0])));
        _mm_mask_storeu_epi8(y + p * step, mask, _mm512_castsi512_si128(bytes));
      }
    } else {
      const auto mask = static_cast<__mmask16>((1 << channels) - 1);
#pragma GCC unroll 16
      for (int p = 0; p < P; p += 4) {
        const V bytes = packer.held(ordered(packer.interleaved(sum[p][0], sum[p + 1][0], sum[p + 2][0], sum[p + 3][0])));
        if (step == 16) {
          _mm512_storeu_si512(y + 16 * p, bytes);
          continue;
        }
        _mm_mask_storeu_epi8(y + p * step, mask, _mm512_castsi512_si128(bytes));
        _mm_mask_storeu_epi8(y + (p + 1) * step, mask, _mm512_extracti32x4_epi32(bytes, 1));
        _mm_mask_storeu_epi8(y + (p + 2) * step, mask, _mm512_extracti32x4_epi32(bytes, 2));
        _mm_mask_storeu_epi8(y + (p + 3) * step, mask, _mm512_extracti32x4_epi32(bytes, 3));
      }
    }
  }
};

struct Place {
  I64 x;
  std::byte* y;
  const std::byte* next;
  I64 left;
  V flip;
};

/// What lies behind the sums of a run: compiled apart, as one way costs the others registers. Milliseconds on a Zen 4, apart
/// : two in one: 16→96 on four images of 112×112 0.504 : 0.566. A residual that needs nothing subtracted, apart : with all
/// others: 3×3 16→16 on 50 of 32×32 0.626 : 0.681, 64→256 on one of 56×56 0.284 : 0.292.
enum class Way : std::uint8_t { Plain, PlainSum, Bytes, Rest };

Way way_of(const DenseRun& r) {
  const bool adds = r.residual_type != DenseResidual::None;
  if (r.plain) return adds ? Way::PlainSum : Way::Plain;
  return adds || r.out == DenseOut::F32 ? Way::Rest : Way::Bytes;
}

/// As many tiles of that many pixels as there are pixels for.
template <int C, int P, Way kWay>
void tiles(const DenseRun& r, Place& at) {
  const I64 line = 64 * r.kernel_h * r.units;
  for (; at.left >= P; at.left -= P, at.x += P * r.src_step, at.y += P * r.dst_step) {
    if (at.next + line > r.next_end) at.next = r.weights;
    Tile<C, P, kWay == Way::Plain || kWay == Way::PlainSum> tile;
    tile.multiply(r, at.x, at.next, at.flip);
    const I64 done = at.y - r.dst;
    if constexpr (kWay == Way::PlainSum)
      tile.template store_bytes<Addend::Unsigned>(r, at.y, r.residual + done);
    else if constexpr (kWay != Way::Rest)
      tile.template store_bytes<Addend::None>(r, at.y, nullptr);
    else if (r.out == DenseOut::F32)
      tile.store_floats(r, at.y);
    else if (r.residual_type == DenseResidual::F32)
      tile.template store_bytes<Addend::Numbers>(r, at.y, r.residual + 4 * done);
    else if (r.residual_type == DenseResidual::S8)
      tile.template store_bytes<Addend::Signed>(r, at.y, r.residual + done);
    else
      tile.template store_bytes<Addend::Unsigned>(r, at.y, r.residual + done);
  }
}

template <int C, int... P>
void all_tiles(const DenseRun& r, Place& at) {
  switch (way_of(r)) {
    case Way::Plain:
      return (tiles<C, P, Way::Plain>(r, at), ...);
    case Way::PlainSum:
      return (tiles<C, P, Way::PlainSum>(r, at), ...);
    case Way::Bytes:
      return (tiles<C, P, Way::Bytes>(r, at), ...);
    case Way::Rest:
      return (tiles<C, P, Way::Rest>(r, at), ...);
  }
}

}  // namespace

void run_dense(const DenseRun& r) noexcept {
  Place at{0, r.dst, r.next, r.pixels, _mm512_set1_epi8(static_cast<char>(r.signed_input ? 128 : 0))};
  switch (r.block->vectors) {
    case 1:
      if (r.block->pixels == 16) return all_tiles<1, 16, 8, 4, 2, 1>(r, at);
      return all_tiles<1, 8, 4, 2, 1>(r, at);
    case 2:
      if (r.block->pixels == 12) return all_tiles<2, 12, 8, 4, 2, 1>(r, at);
      return all_tiles<2, 8, 4, 2, 1>(r, at);
    case 3:
      return all_tiles<3, 8, 4, 2, 1>(r, at);
    default:
      if (r.block->pixels == 6) return all_tiles<4, 6, 4, 2, 1>(r, at);
      if (r.block->pixels == 5) return all_tiles<4, 5, 4, 2, 1>(r, at);
      return all_tiles<4, 4, 2, 1>(r, at);
  }
}

}  // namespace inc::kernels::avx512vnni
