// One variant of the family's 8-bit part; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may
// be inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstring>

#include "kernels/winograd/variant.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {
#include "kernels/winograd/panels.h"

namespace eight {

using I32 = std::int32_t;
using U32 = std::uint32_t;
constexpr int kShorts = 2 * kLanes;
typedef U32 U __attribute__((vector_size(4 * kLanes)));  // sums modulo 2^32
typedef std::int16_t S __attribute__((vector_size(4 * kLanes)));
typedef std::int8_t B __attribute__((vector_size(kShorts)));
typedef std::int8_t L __attribute__((vector_size(kLanes)));

template <class T>
INC_INLINE T get(const void* from) {
  T v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
INC_INLINE void put(void* to, T v) {
  std::memcpy(to, &v, sizeof v);
}

INC_INLINE U add_products(U sum, U x, U w) {
#if defined(INC_KERNEL_VNNI)
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));  // gcc 12 copies the sums around the builtin
  return sum;
#elif defined(__AVX512F__)
  return sum + (U)_mm512_madd_epi16((__m512i)x, (__m512i)w);
#elif defined(__AVX2__)
  return sum + (U)_mm256_madd_epi16((__m256i)x, (__m256i)w);
#else
  return sum + (U)_mm_madd_epi16((__m128i)x, (__m128i)w);
#endif
}

INC_INLINE S widened(B bytes) {
#if defined(__AVX512F__)
  return (S)_mm512_cvtepi8_epi16((__m256i)bytes);
#elif defined(__AVX2__)
  return (S)_mm256_cvtepi8_epi16((__m128i)bytes);
#else
  return __builtin_convertvector(bytes, S);
#endif
}

INC_INLINE void patch(const S (&d)[6], S (&r)[6]) {
  const S s = d[4] - d[2], f = d[3] - d[1], t = f + f;
  const S p = d[4] - (d[2] << 2), q = d[3] - (d[1] << 2);
  r[0] = ((d[0] - d[2]) << 2) + s;
  r[1] = p + q;
  r[2] = p - q;
  r[3] = s + t;
  r[4] = s - t;
  r[5] = (d[5] - d[3]) - (f << 2);
}
constexpr U32 kInverse = 954437177;    // of 9, modulo 2^32
constexpr int kTwos[] = {3, 2, 1, 1};  // powers of 2 in what outputs() gives

/// 24 times, 12 times, and 6 times the others.
INC_INLINE void outputs(const U (&m)[6], U (&y)[4]) {
  const U a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
  y[0] = ((((m[0] + a) << 1) + m[0]) << 1) + c;
  y[1] = (b << 1) + d;
  y[2] = a + c;
  y[3] = b + ((d + m[5] + (m[5] << 1)) << 1);
}

void transform(const Block& b, I64 begin, I64 end) {
  const auto& job = *static_cast<const Winograd8Job*>(b.job);
  const Winograd8& g = *job.plan;
  const Winograd& w = g.tiles;
  const WinogradShape& s = w.shape;
  const I64 plane = w.block * w.in_row;
  B flip;
  std::memset(&flip, g.signed_input ? 0 : 128, sizeof flip);
  for (I64 i = begin; i < end; ++i) {
    const std::byte* from[6][6];
    find_patch(w, b.first + i, job.operands->src, 1, g.pad.data(), from);
    for (I64 next = 0; next < s.channels; next += kShorts) {
      const I64 c = next < s.channels - kShorts ? next : s.channels - kShorts;  // the last vector may overlap
      S down[6][6];
#pragma GCC unroll 6
      for (int k = 0; k < 6; ++k) {
        S d[6], r[6];
#pragma GCC unroll 6
        for (int j = 0; j < 6; ++j) d[j] = widened((B)(get<B>(from[j][k] + c) ^ flip));
        patch(d, r);
#pragma GCC unroll 6
        for (int j = 0; j < 6; ++j) down[j][k] = r[j];
      }
      std::int16_t* to = static_cast<std::int16_t*>(b.in) + i * w.in_row + c;
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) {
        S r[6];
        patch(down[j], r);
#pragma GCC unroll 6
        for (int k = 0; k < 6; ++k) put(to + (j * 6 + k) * plane, r[k]);
      }
    }
  }
}

struct Shorts {
  using Number = std::int16_t;
  using Sum = U32;
  using Product = void (*)(const Number*, I64, const Number*, const Number*, I64, Sum*, I64);
  static constexpr I64 kTogether = 2;

  /// P tiles times N vectors of output channels. ahead: weights that will be wanted next, as many.
  template <int N, int P>
  static void product(const Number* a, I64 a_row, const Number* u, const Number* ahead, I64 pairs, Sum* m, I64 m_row) {
    U sum[P][N];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[p][n] = U{};
    for (I64 c = 0; c < pairs; ++c, u += N * kShorts, ahead += N * kShorts) {
#pragma GCC unroll 2
      for (int i = 0; i < N * kShorts; i += 32) _mm_prefetch(reinterpret_cast<const char*>(ahead + i), _MM_HINT_T1);
      U right[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) right[n] = get<U>(u + n * kShorts);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const U left = U{} + get<U32>(a + p * a_row + 2 * c);
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[p][n] = add_products(sum[p][n], left, right[n]);
      }
    }
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) put(m + p * m_row + n * kLanes, sum[p][n]);
  }
};

template <class T>
INC_INLINE T held(T v, T low, T high) {
  const T raised = v < low ? low : v;
  return raised > high ? high : raised;
}
INC_INLINE V fused(V a, V b, V c) {
#if defined(__AVX2__)
  return multiply_add(a, b, c);
#else
  V y;
  for (int i = 0; i < kLanes; ++i) y[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return y;
#endif
}
INC_INLINE void put_bytes(std::byte* to, VI v, I64 count) {
#if defined(__AVX512F__)
  put_some(to, _mm512_cvtepi32_epi8((__m512i)v), count);
#elif defined(__AVX2__)
  const __m256i bytes = _mm256_and_si256((__m256i)v, _mm256_set1_epi32(255));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  put_some(to, _mm_cvtsi128_si64(_mm_packus_epi16(words, words)), count);
#else
  for (int i = 0; i < kLanes && i < count; ++i) to[i] = static_cast<std::byte>(v[i]);
#endif
}
/// 8-bit numbers, one to a lane.
INC_INLINE VI numbers(const std::byte* from, bool is_signed, I64 count) {
  const L bytes = get_some<L>(from, count);
#if defined(__AVX512F__)
  return (VI)(is_signed ? _mm512_cvtepi8_epi32((__m128i)bytes) : _mm512_cvtepu8_epi32((__m128i)bytes));
#elif defined(__AVX2__)
  const __m128i eight = _mm_cvtsi64_si128((long long)bytes);
  return (VI)(is_signed ? _mm256_cvtepi8_epi32(eight) : _mm256_cvtepu8_epi32(eight));
#else
  VI v{};
  for (int i = 0; i < kLanes; ++i)
    v[i] = is_signed ? static_cast<std::int8_t>(bytes[i]) : static_cast<std::uint8_t>(bytes[i]);
  return v;
#endif
}

template <DenseResidual kType>
INC_INLINE V added(const std::byte* from, I64 count) {
  if constexpr (kType == DenseResidual::F32) return get_some<V>(from, count);
  return __builtin_convertvector(numbers(from, kType == DenseResidual::S8, count), V);
}

/// Not a number becomes 0.
INC_INLINE V within(V t) {
  t = t == t ? t : V{};
  return held(t, V{} - 1e6f, V{} + 1e6f);
}

template <DenseResidual kResidual, bool kReal>
void finish(const Block& b, I64 panel) {
  const auto& job = *static_cast<const Winograd8Job*>(b.job);
  const Winograd8& g = *job.plan;
  const Winograd& w = g.tiles;
  const WinogradShape& s = w.shape;
  const DenseOperands& o = *job.operands;
  constexpr I64 kBytes = kReal ? 4 : 1, kAdded = kResidual == DenseResidual::F32 ? 4 : 1;
  const I64 plane = w.block * w.panel, begin = panel * w.panel, end = begin + width_of(w, panel);
  const VI zero = VI{} + g.out_zero;
  const V residual_scale = V{} + g.residual_scale;
  for (I64 i = 0; i < b.tiles; ++i) {
    const Place at = place(w, b.first + i);
    const I64 start = ((at.image * s.out_height + at.y) * s.out_width + at.x) * s.out_channels;
    const I64 rows = s.out_height - at.y < 4 ? s.out_height - at.y : 4;
    const I64 columns = s.out_width - at.x < 4 ? s.out_width - at.x : 4;
    for (I64 c = begin; c < end; c += kLanes) {
      const I64 count = s.out_channels - c;
      const U32* from = static_cast<const U32*>(b.out) + i * w.panel + c - begin;
      U across[4][6];
#pragma GCC unroll 6
      for (int k = 0; k < 6; ++k) {
        U m[6], y[4];
#pragma GCC unroll 6
        for (int j = 0; j < 6; ++j) m[j] = get<U>(from + (j * 6 + k) * plane);
        outputs(m, y);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) across[j][k] = y[j];
      }
      const V scale = get<V>(g.scale.data() + c), shift = get<V>(g.shift.data() + c);
      const VI offset = get<VI>(g.offset.data() + c);
      const VI low = kReal ? get<VI>(g.low.data() + c) : get<VI>(g.low_step.data() + c);
      const VI high = kReal ? get<VI>(g.high.data() + c) : get<VI>(g.high_step.data() + c);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        if (j >= rows) break;
        U y[4];
        outputs(across[j], y);
        const I64 row = start + j * s.out_width * s.out_channels + c;
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          if (k >= columns) break;
          const I64 place = row + k * s.out_channels;
          const VI sum = ((VI)(y[k] * kInverse) >> (kTwos[j] + kTwos[k])) + offset;
          V t = fused(__builtin_convertvector(sum, V), scale, shift);
          if constexpr (kResidual != DenseResidual::None)
            t = within(fused(added<kResidual>(o.residual + place * kAdded, count), residual_scale, t));
          if constexpr (kReal)
            put_some(o.dst + place * kBytes, held(t, (V)low, (V)high), count);
          else
            put_bytes(o.dst + place, held(nearest(t), low, high) + zero, count);
        }
      }
    }
  }
}

}  // namespace eight
}  // namespace

WinogradVariant winograd8_variant(DenseResidual residual, bool real) noexcept {
  using R = DenseResidual;
  const auto finish = real                 ? eight::finish<R::None, true>
                      : residual == R::U8  ? eight::finish<R::U8, false>
                      : residual == R::S8  ? eight::finish<R::S8, false>
                      : residual == R::F32 ? eight::finish<R::F32, false>
                                           : eight::finish<R::None, false>;
  return {eight::transform, multiply<eight::Shorts>, finish, kLanes};
}

}  // namespace inc::kernels::INC_KERNEL_ISA
