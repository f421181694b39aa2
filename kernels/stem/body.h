// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstring>

#include "kernels/stem/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
using I32 = std::int32_t;

#if defined(__AVX512F__)
constexpr int kLanes = 16;
using V = __m512i;
using F = __m512;

INC_INLINE V load(const void* from) {
  return _mm512_loadu_si512(from);
}
INC_INLINE V splat_unit(const std::byte* from) {
  I32 unit;
  std::memcpy(&unit, from, sizeof unit);
  return _mm512_set1_epi32(unit);
}
INC_INLINE V multiply_add(V sum, V x, V w) {
#ifdef INC_KERNEL_VNNI
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));  // gcc 12 copies the sums around the builtin
  return sum;
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w));
#endif
}
INC_INLINE F scaled(V sum, const float* scale, const float* shift) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(scale), _mm512_loadu_ps(shift));
}
INC_INLINE void store_floats(std::byte* to, F t, const void* low, const void* high, I64 count) {
  const F held = _mm512_min_ps((F)load(high), _mm512_max_ps((F)load(low), t));
  if (count >= kLanes)
    _mm512_storeu_ps(to, held);
  else
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1 << count) - 1), held);
}
INC_INLINE void store_bytes(std::byte* to, F t, const void* low, const void* high, I32 zero, I64 count) {
  const V held = _mm512_min_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(t), load(low)), load(high));
  const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(held, _mm512_set1_epi32(zero)));
  if (count >= kLanes)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  else
    _mm_mask_storeu_epi8(to, static_cast<__mmask16>((1 << count) - 1), bytes);
}
#else
constexpr int kLanes = 8;
using V = __m256i;
using F = __m256;

INC_INLINE V load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
INC_INLINE V splat_unit(const std::byte* from) {
  I32 unit;
  std::memcpy(&unit, from, sizeof unit);
  return _mm256_set1_epi32(unit);
}
INC_INLINE V multiply_add(V sum, V x, V w) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
}
INC_INLINE F scaled(V sum, const float* scale, const float* shift) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(scale), _mm256_loadu_ps(shift));
}
template <class T>
INC_INLINE void store_some(std::byte* to, T v, std::size_t bytes) {
  if (bytes >= sizeof v)
    std::memcpy(to, &v, sizeof v);
  else
    std::memcpy(to, &v, bytes);
}
INC_INLINE void store_floats(std::byte* to, F t, const void* low, const void* high, I64 count) {
  store_some(to, _mm256_min_ps((F)load(high), _mm256_max_ps((F)load(low), t)), static_cast<std::size_t>(4 * count));
}
INC_INLINE void store_bytes(std::byte* to, F t, const void* low, const void* high, I32 zero, I64 count) {
  const V held = _mm256_min_epi32(_mm256_max_epi32(_mm256_cvtps_epi32(t), load(low)), load(high));
  const V moved = _mm256_and_si256(_mm256_add_epi32(held, _mm256_set1_epi32(zero)), _mm256_set1_epi32(255));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(moved), _mm256_extracti128_si256(moved, 1));
  store_some(to, _mm_cvtsi128_si64(_mm_packus_epi16(words, words)), static_cast<std::size_t>(count));
}
#endif

#if defined(__AVX512F__)
/// Four vectors as bytes, one behind the other. kPlain: of unsigned results with zero point 0 that may be 0.
template <bool kPlain>
struct Packer {
  V low, high, zero, flip, order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  explicit Packer(const StemRow& r)
      : low(load(r.low8)),
        high(load(r.high8)),
        zero(_mm512_set1_epi16(static_cast<short>(r.out_zero + r.flip))),
        flip(_mm512_set1_epi8(static_cast<char>(r.flip))) {}

  INC_INLINE V bytes(F a, F b, F c, F d) const {
    V ab = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
    V cd = _mm512_packs_epi32(_mm512_cvtps_epi32(c), _mm512_cvtps_epi32(d));
    if (!kPlain) ab = _mm512_adds_epi16(ab, zero), cd = _mm512_adds_epi16(cd, zero);
    const V all = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
    if (kPlain) return _mm512_min_epu8(all, high);
    return _mm512_xor_si512(_mm512_min_epu8(_mm512_max_epu8(all, low), high), flip);
  }
};

INC_INLINE void store_masked(std::byte* to, __mmask64 mask, V v) {
  _mm512_mask_storeu_epi8(to, mask, v);
}
INC_INLINE void store_masked(std::byte* to, __mmask32 mask, __m256i v) {
  _mm256_mask_storeu_epi8(to, mask, v);
}
INC_INLINE void store_masked(std::byte* to, __mmask16 mask, __m128i v) {
  _mm_mask_storeu_epi8(to, mask, v);
}
template <class M, class T>
INC_INLINE void store_part(std::byte* to, I64 count, T v) {
  if (count >= static_cast<I64>(sizeof v))
    std::memcpy(to, &v, sizeof v);
  else
    store_masked(to, static_cast<M>((M{1} << count) - 1), v);
}

/// 64 bytes: one pixel of four vectors, two of two, four of one.
template <int C>
INC_INLINE void store_pixels(std::byte* to, I64 step, I64 count, V v) {
  if constexpr (C == 4) {
    store_part<__mmask64>(to, count, v);
  } else if constexpr (C == 2) {
    store_part<__mmask32>(to, count, _mm512_castsi512_si256(v));
    store_part<__mmask32>(to + step, count, _mm512_extracti64x4_epi64(v, 1));
  } else {
    store_part<__mmask16>(to, count, _mm512_castsi512_si128(v));
    store_part<__mmask16>(to + step, count, _mm512_extracti32x4_epi32(v, 1));
    store_part<__mmask16>(to + 2 * step, count, _mm512_extracti32x4_epi32(v, 2));
    store_part<__mmask16>(to + 3 * step, count, _mm512_extracti32x4_epi32(v, 3));
  }
}
template <int C>
constexpr int kTogether = C == 3 ? 0 : 4 / C;  // pixels packed at once
#else
template <int C>
constexpr int kTogether = 0;
#endif

/// The sums of P pixels times C vectors of channels.
template <int C, int P>
INC_INLINE void multiply(const StemRow& r, I64 pixel, V (&sum)[P][C]) {
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) sum[p][j] = load(r.init + j * kLanes);
  const std::byte* w = r.weights;
  const I64 step = r.pixel_bytes, three = 3 * step;
  for (I64 k = 0; k < r.kernel_h; ++k) {
    constexpr int kGroups = (P + 3) / 4;
    const std::byte* x[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      x[g] = r.rows[k] + (pixel + 4 * g) * step;
      asm("" : "+r"(x[g]));  // or every pixel gets an index of its own, more than there are registers
    }
    for (I64 u = 0; u < r.units; ++u, w += C * kLanes * 4) {
      V right[C];
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) right[j] = load(w + j * kLanes * 4);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const V left = splat_unit(x[p / 4] + (p % 4 == 3 ? three : p % 4 * step));
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) sum[p][j] = multiply_add(sum[p][j], left, right[j]);
      }
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) x[g] += 4;
    }
  }
}

template <int C, int P, bool kPlain>
void tile(const StemRow& r, I64 pixel) {
  V sum[P][C];
  multiply<C, P>(r, pixel, sum);
  std::byte* to = r.dst + pixel * r.dst_bytes;
  const I64 to_step = r.dst_bytes, channels = r.channels;
  const float *scale = r.scale, *shift = r.shift;
  const auto *low = static_cast<const std::byte*>(r.low), *high = static_cast<const std::byte*>(r.high);
  if (!kPlain && r.out == StemOut::F32) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j)
        store_floats(to + p * to_step + j * kLanes * 4, scaled(sum[p][j], scale + j * kLanes, shift + j * kLanes),
                     low + j * kLanes * 4, high + j * kLanes * 4, channels - j * kLanes);
    return;
  }
  constexpr int kPacked = kTogether<C> == 0 ? 0 : P / kTogether<C> * kTogether<C>;
#if defined(__AVX512F__)
  if constexpr (kPacked > 0) {
    const Packer<kPlain> packer(r);
#pragma GCC unroll 16
    for (int p = 0; p < kPacked; p += kTogether<C>) {
      F t[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) t[i] = scaled(sum[p + i / C][i % C], scale + i % C * kLanes, shift + i % C * kLanes);
      store_pixels<C>(to + p * to_step, to_step, channels, packer.bytes(t[0], t[1], t[2], t[3]));
    }
  }
#endif
  const I32 zero = r.out_zero;
#pragma GCC unroll 16
  for (int p = kPacked; p < P; ++p)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j)
      store_bytes(to + p * to_step + j * kLanes, scaled(sum[p][j], scale + j * kLanes, shift + j * kLanes),
                  low + j * kLanes * 4, high + j * kLanes * 4, zero, channels - j * kLanes);
}

using Tile = void (*)(const StemRow&, I64);

template <int C, int... P>
struct Tiles {
  static constexpr Tile kAny[] = {tile<C, P, false>...};
#ifdef INC_KERNEL_VNNI
  static constexpr Tile kPlain[] = {tile<C, P, true>...};
#endif
  static constexpr I64 kMost = sizeof...(P);
};
template <int C>
struct TilesOf;
#if defined(__AVX512F__)
template <>
struct TilesOf<1> : Tiles<1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14> {};
template <>
struct TilesOf<2> : Tiles<2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12> {};
template <>
struct TilesOf<3> : Tiles<3, 1, 2, 3, 4, 5, 6, 7, 8> {};
template <>
struct TilesOf<4> : Tiles<4, 1, 2, 3, 4, 5, 6> {};
#else
template <>
struct TilesOf<1> : Tiles<1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10> {};
template <>
struct TilesOf<2> : Tiles<2, 1, 2, 3, 4, 5> {};
#endif

template <int C>
void run_tiles(const StemRow& r) {
  const Tile* all = TilesOf<C>::kAny;
#ifdef INC_KERNEL_VNNI
  if (r.plain) all = TilesOf<C>::kPlain;
#endif
  const Tile most = all[r.pixels - 1];
  I64 pixel = 0;
  for (; pixel + r.pixels <= r.width; pixel += r.pixels) most(r, pixel);
  if (pixel < r.width) all[r.width - pixel - 1](r, pixel);
}

void run(const StemRow& r) {
  switch (r.vectors) {
    case 1:
      return run_tiles<1>(r);
    case 2:
      return run_tiles<2>(r);
#if defined(__AVX512F__)
    case 3:
      return run_tiles<3>(r);
    default:
      return run_tiles<4>(r);
#endif
  }
}

void place(const std::uint8_t* from, std::uint8_t turned, std::byte* to, I64 count, [[maybe_unused]] I32 zero) {
#ifdef INC_KERNEL_VNNI
  auto* bytes = reinterpret_cast<std::uint8_t*>(to);
  for (I64 i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(from[i] ^ turned);
#else
  auto* words = reinterpret_cast<std::int16_t*>(to);
  for (I64 i = 0; i < count; ++i) words[i] = static_cast<std::int16_t>((from[i] ^ turned) - zero);
#endif
}

}  // namespace

StemVariant stem_variant() noexcept {
  StemVariant v;
  v.row = run;
  v.place = place;
  v.lanes = kLanes;
  v.most_pixels[0] = TilesOf<1>::kMost;
  v.most_pixels[1] = TilesOf<2>::kMost;
#if defined(__AVX512F__)
  v.most_pixels[2] = TilesOf<3>::kMost;
  v.most_pixels[3] = TilesOf<4>::kMost;
#endif
#ifdef INC_KERNEL_VNNI
  v.bytes = true;
#endif
  return v;
}

}  // namespace inc::kernels::INC_KERNEL_ISA
