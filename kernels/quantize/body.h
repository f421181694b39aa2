// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/quantize/step.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

template <class Q>
struct Limits;
template <>
struct Limits<std::uint8_t> {
  static constexpr float lo = 0, hi = 255;
};
template <>
struct Limits<std::int8_t> {
  static constexpr float lo = -128, hi = 127;
};

template <class Q>
inline __attribute__((always_inline)) Q to_8(float scaled, float zero) {
  const float lo = Limits<Q>::lo - zero, hi = Limits<Q>::hi - zero;
  float v = scaled == scaled ? scaled : 0.0f;
  v = v < lo ? lo : v;
  v = v > hi ? hi : v;
  return static_cast<Q>(static_cast<std::int32_t>(__builtin_rintf(v) + zero));
}

#if defined(__AVX2__)
/// The larger; 0 where x is not a number.
INC_INLINE V at_least(V x, V low) {
#if defined(__AVX512F__)
  return (V)_mm512_maskz_max_ps(_mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_ORD_Q), (__m512)x, (__m512)low);
#else
  return larger(low, x == x ? x : V{});
#endif
}

/// Four vectors of whole numbers, one behind the other, plus `zero`, saturated.
template <class Q>
INC_INLINE void put_block(Q* to, VI a, VI b, VI c, VI d, float zero) {
  constexpr bool kUnsigned = std::is_unsigned_v<Q>;
  const auto plus = static_cast<short>(zero);
#if defined(__AVX512BW__)
  const auto pair = [&](VI x, VI y) __attribute__((always_inline)) {
    return _mm512_adds_epi16(_mm512_packs_epi32((__m512i)x, (__m512i)y), _mm512_set1_epi16(plus));
  };
  const __m512i ab = pair(a, b), cd = pair(c, d), q = kUnsigned ? _mm512_packus_epi16(ab, cd) : _mm512_packs_epi16(ab, cd);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, q));
#else
  const auto pair = [&](VI x, VI y) __attribute__((always_inline)) {
    return _mm256_adds_epi16(_mm256_packs_epi32((__m256i)x, (__m256i)y), _mm256_set1_epi16(plus));
  };
  const __m256i ab = pair(a, b), cd = pair(c, d), q = kUnsigned ? _mm256_packus_epi16(ab, cd) : _mm256_packs_epi16(ab, cd);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(to), _mm256_permutevar8x32_epi32(q, order));
#endif
}
#endif

/// All numbers, the last block over some of the one before it, where they fill one and the scale has an inverse; at(i): the
/// vector of numbers from i on. How many: all or none.
template <class Q, class At>
INC_INLINE std::int64_t by_blocks([[maybe_unused]] Q* dst, [[maybe_unused]] std::int64_t count,
                                  [[maybe_unused]] const Step& step, [[maybe_unused]] float zero, [[maybe_unused]] At at) {
#if defined(__AVX2__)
  constexpr std::int64_t kBlock = 4 * kLanes;
  constexpr float kFar = 1 << 20;  // steps: numbers beyond are as good
  if (step.inverse.high == 0 || count < kBlock) return 0;
  const V high = splat(step.inverse.high), low = splat(step.inverse.low), most = splat(kFar * step.scale);
  const auto steps = [=](std::int64_t i) __attribute__((always_inline)) {
    const V held = smaller(most, at_least(at(i), -most));
    return nearest(multiply_add(held, high, held * low));
  };
  const auto block = [=](std::int64_t i) __attribute__((always_inline)) {
    put_block(dst + i, steps(i), steps(i + kLanes), steps(i + 2 * kLanes), steps(i + 3 * kLanes), zero);
  };
  for (std::int64_t i = 0; i + kBlock <= count; i += kBlock) block(i);
  if (count % kBlock != 0) block(count - kBlock);
  return count;
#else
  return 0;
#endif
}

template <class Q>
inline __attribute__((always_inline)) void quantize_run(const float* __restrict src, Q* __restrict dst, std::int64_t count,
                                                        const Step& step, float zero) {
  const float scale = step.scale;
  const auto at = [=](std::int64_t i) __attribute__((always_inline)) {
    return load(src + i);
  };
  for (std::int64_t i = by_blocks(dst, count, step, zero, at); i < count; ++i) dst[i] = to_8<Q>(src[i] / scale, zero);
}

constexpr std::int64_t kRun = 64;

#if defined(__AVX2__)
#if defined(__AVX512BW__)
typedef std::int8_t Bytes __attribute__((vector_size(64)));
#else
typedef std::int8_t Bytes __attribute__((vector_size(32)));
#endif
typedef std::int8_t Lane __attribute__((vector_size(16)));
constexpr int kParts = sizeof(Bytes) / sizeof(Lane);

inline __attribute__((always_inline)) Bytes pick(const std::int8_t* from, const std::int8_t* places) {
#if defined(__AVX512BW__)
  return (Bytes)_mm512_shuffle_epi8(_mm512_loadu_si512(from), _mm512_broadcast_i32x4(*(const __m128i*)places));
#else
  return (Bytes)_mm256_shuffle_epi8(*(const __m256i_u*)from, _mm256_broadcastsi128_si256(*(const __m128i*)places));
#endif
}

/// Where each channel's bytes go in 48 bytes of 16 pixels: [part][channel][byte of the part].
struct Places {
  alignas(16) std::int8_t at[3][3][16];
  constexpr Places() : at() {
    for (int i = 0; i < 48; ++i)
      for (int c = 0; c < 3; ++c) at[i / 16][c][i % 16] = static_cast<std::int8_t>(i % 3 == c ? i / 3 : -128);
  }
};
constexpr Places kPlaces;

void interleave3(const std::int8_t (&run)[3][kRun], std::int8_t* dst) {
  for (std::int64_t i = 0; i < kRun; i += sizeof(Bytes))
    for (int part = 0; part < 3; ++part) {
      const auto& at = kPlaces.at[part];
      const Bytes all = pick(run[0] + i, at[0]) | pick(run[1] + i, at[1]) | pick(run[2] + i, at[2]);
      Lane lanes[kParts];
      __builtin_memcpy(lanes, &all, sizeof all);
      for (int lane = 0; lane < kParts; ++lane)
        __builtin_memcpy(dst + 3 * i + 48 * lane + 16 * part, &lanes[lane], sizeof(Lane));
    }
}
#endif

template <class Q, int kChannels>
inline __attribute__((always_inline)) void interleave(const Q (&run)[kChannels][kRun], Q* dst) {
#if defined(__AVX2__)
  if constexpr (kChannels == 3)
    return interleave3(reinterpret_cast<const std::int8_t(&)[3][kRun]>(run), reinterpret_cast<std::int8_t*>(dst));
#endif
  for (std::int64_t i = 0; i < kRun; ++i)
    for (int c = 0; c < kChannels; ++c) dst[i * kChannels + c] = run[c][i];
}

template <class Q, int kChannels>
void quantize_pixels_of(const float* src, Q* dst, std::int64_t pixels, std::int64_t channel_step, Step step, float zero) {
  Q run[kChannels][kRun], rest[kChannels * kRun];
  for (; pixels >= kRun; pixels -= kRun, src += kRun, dst += kRun * kChannels) {
    for (int c = 0; c < kChannels; ++c) quantize_run(src + c * channel_step, run[c], kRun, step, zero);
    interleave(run, dst);
  }
  if (pixels == 0) return;
  for (int c = 0; c < kChannels; ++c) quantize_run(src + c * channel_step, run[c], pixels, step, zero);
  interleave(run, rest);
  std::memcpy(dst, rest, static_cast<std::size_t>(pixels * kChannels));
}

template <class Q>
void quantize_pixels_as(const float* src, Q* dst, std::int64_t pixels, std::int64_t channels, std::int64_t channel_step,
                        Step step, float zero) {
  if (channels == 2) return quantize_pixels_of<Q, 2>(src, dst, pixels, channel_step, step, zero);
  if (channels == 3) return quantize_pixels_of<Q, 3>(src, dst, pixels, channel_step, step, zero);
  quantize_pixels_of<Q, 4>(src, dst, pixels, channel_step, step, zero);
}

inline __attribute__((always_inline)) float on_line(float x, float factor, float shift, float low) {
  const float y = x * factor + shift;
  return y < low ? low : y;
}

INC_INLINE V on_line(V x, V factor, V shift, float low) {
  return larger(splat(low), x * factor + shift);
}

template <class To>
void line_rows_as(const float* __restrict src, To* __restrict dst, std::int64_t rows, std::int64_t columns,
                  const float* __restrict factor, const float* __restrict shift, float low, const Step& step, float zero) {
  const float scale = step.scale;
  for (std::int64_t r = 0; r < rows; ++r, src += columns, dst += columns) {
    const auto at = [=](std::int64_t i) __attribute__((always_inline)) {
      return on_line(load(src + i), load(factor + i), load(shift + i), low);
    };
    for (std::int64_t i = by_blocks(dst, columns, step, zero, at); i < columns; ++i)
      dst[i] = to_8<To>(on_line(src[i], factor[i], shift[i], low) / scale, zero);
  }
}

template <class To>
void line_run_as(const float* __restrict src, To* __restrict dst, std::int64_t count, float factor, float shift, float low,
                 const Step& step, float zero) {
  const float scale = step.scale;
  const auto at = [=](std::int64_t i) __attribute__((always_inline)) {
    return on_line(load(src + i), splat(factor), splat(shift), low);
  };
  for (std::int64_t i = by_blocks(dst, count, step, zero, at); i < count; ++i)
    dst[i] = to_8<To>(on_line(src[i], factor, shift, low) / scale, zero);
}

template <class Q>
void dequantize_run(const Q* __restrict src, float* __restrict dst, std::int64_t count, float scale, std::int32_t zero) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = scale * static_cast<float>(static_cast<std::int32_t>(src[i]) - zero);
}

template <class A, class B, class Q, bool kProduct>
void combine_run(const A* __restrict a, float scale_a, std::int32_t zero_a, const B* __restrict b, float scale_b,
                 std::int32_t zero_b, Q* __restrict dst, float scale, float zero, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = scale_a * static_cast<float>(static_cast<std::int32_t>(a[i]) - zero_a);
    const float y = scale_b * static_cast<float>(static_cast<std::int32_t>(b[i]) - zero_b);
    dst[i] = to_8<Q>((kProduct ? x * y : x + y) / scale, zero);
  }
}

}  // namespace

void quantize_u8(const float* src, std::uint8_t* dst, std::int64_t count, Step step, float zero) noexcept {
  quantize_run(src, dst, count, step, zero);
}
void quantize_s8(const float* src, std::int8_t* dst, std::int64_t count, Step step, float zero) noexcept {
  quantize_run(src, dst, count, step, zero);
}
void dequantize_u8(const std::uint8_t* src, float* dst, std::int64_t count, float scale, std::int32_t zero) noexcept {
  dequantize_run(src, dst, count, scale, zero);
}
void dequantize_s8(const std::int8_t* src, float* dst, std::int64_t count, float scale, std::int32_t zero) noexcept {
  dequantize_run(src, dst, count, scale, zero);
}
void quantize_pixels(const float* src, std::byte* dst, std::int64_t pixels, std::int64_t channels, std::int64_t channel_step,
                     Step step, float zero, bool is_signed) noexcept {
  if (is_signed)
    quantize_pixels_as(src, reinterpret_cast<std::int8_t*>(dst), pixels, channels, channel_step, step, zero);
  else
    quantize_pixels_as(src, reinterpret_cast<std::uint8_t*>(dst), pixels, channels, channel_step, step, zero);
}
void range_of(const float* __restrict src, std::int64_t count, float* low, float* high) noexcept {
  constexpr std::int64_t kSide = 32;
  float lo[kSide] = {}, hi[kSide] = {};
  const std::int64_t whole = count / kSide * kSide;
  for (std::int64_t i = 0; i < whole; i += kSide)
    for (std::int64_t j = 0; j < kSide; ++j) {
      lo[j] = src[i + j] < lo[j] ? src[i + j] : lo[j];
      hi[j] = src[i + j] > hi[j] ? src[i + j] : hi[j];
    }
  for (std::int64_t i = whole; i < count; ++i) {
    lo[0] = src[i] < lo[0] ? src[i] : lo[0];
    hi[0] = src[i] > hi[0] ? src[i] : hi[0];
  }
  for (std::int64_t j = 0; j < kSide; ++j) {
    *low = lo[j] < *low ? lo[j] : *low;
    *high = hi[j] > *high ? hi[j] : *high;
  }
}
void quantize_columns(const float* src, std::byte* dst, std::int64_t columns, const float* scale, const std::int32_t* zero,
                      bool is_signed) noexcept {
  if (is_signed) {
    auto* q = reinterpret_cast<std::int8_t*>(dst);
    for (std::int64_t i = 0; i < columns; ++i) q[i] = to_8<std::int8_t>(src[i] / scale[i], static_cast<float>(zero[i]));
  } else {
    auto* q = reinterpret_cast<std::uint8_t*>(dst);
    for (std::int64_t i = 0; i < columns; ++i) q[i] = to_8<std::uint8_t>(src[i] / scale[i], static_cast<float>(zero[i]));
  }
}
void line_rows(const float* __restrict src, float* __restrict dst, std::int64_t rows, std::int64_t columns,
               const float* __restrict factor, const float* __restrict shift, float low) noexcept {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < columns; ++i)
      dst[r * columns + i] = on_line(src[r * columns + i], factor[i], shift[i], low);
}
void line_run(const float* __restrict src, float* __restrict dst, std::int64_t count, float factor, float shift,
              float low) noexcept {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = on_line(src[i], factor, shift, low);
}
void line_rows8(const float* src, std::byte* dst, std::int64_t rows, std::int64_t columns, const float* factor,
                const float* shift, float low, Step step, float zero, bool is_signed) noexcept {
  if (is_signed)
    line_rows_as(src, reinterpret_cast<std::int8_t*>(dst), rows, columns, factor, shift, low, step, zero);
  else
    line_rows_as(src, reinterpret_cast<std::uint8_t*>(dst), rows, columns, factor, shift, low, step, zero);
}
void line_run8(const float* src, std::byte* dst, std::int64_t count, float factor, float shift, float low, Step step,
               float zero, bool is_signed) noexcept {
  if (is_signed)
    line_run_as(src, reinterpret_cast<std::int8_t*>(dst), count, factor, shift, low, step, zero);
  else
    line_run_as(src, reinterpret_cast<std::uint8_t*>(dst), count, factor, shift, low, step, zero);
}
void combine(const std::byte* a, bool signed_a, float scale_a, std::int32_t zero_a, const std::byte* b, bool signed_b,
             float scale_b, std::int32_t zero_b, std::byte* dst, bool signed_dst, float scale, std::int32_t zero,
             std::int64_t count, bool product) noexcept {
  const auto run = [&]<class A, class B, class Q>(A, B, Q) {
    const auto* pa = reinterpret_cast<const A*>(a);
    const auto* pb = reinterpret_cast<const B*>(b);
    auto* pd = reinterpret_cast<Q*>(dst);
    const auto z = static_cast<float>(zero);
    if (product)
      combine_run<A, B, Q, true>(pa, scale_a, zero_a, pb, scale_b, zero_b, pd, scale, z, count);
    else
      combine_run<A, B, Q, false>(pa, scale_a, zero_a, pb, scale_b, zero_b, pd, scale, z, count);
  };
  using U = std::uint8_t;
  using S = std::int8_t;
  const int which = (signed_a ? 4 : 0) + (signed_b ? 2 : 0) + (signed_dst ? 1 : 0);
  switch (which) {
    case 0:
      return run(U{}, U{}, U{});
    case 1:
      return run(U{}, U{}, S{});
    case 2:
      return run(U{}, S{}, U{});
    case 3:
      return run(U{}, S{}, S{});
    case 4:
      return run(S{}, U{}, U{});
    case 5:
      return run(S{}, U{}, S{});
    case 6:
      return run(S{}, S{}, U{});
    default:
      return run(S{}, S{}, S{});
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
