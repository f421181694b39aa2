// One variant of the family's 8-bit part; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may
// be inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstring>

#include "kernels/winograd/variant.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {
namespace eight {

#define INC_INLINE inline __attribute__((always_inline))

using I64 = std::int64_t;
using I32 = std::int32_t;
using U32 = std::uint32_t;
using Block = WinogradBlock;

#if defined(__AVX512F__)
constexpr int kLanes = 16, kRows = 12;
#elif defined(__AVX2__)
constexpr int kLanes = 8, kRows = 6;
#else
constexpr int kLanes = 4, kRows = 4;
#endif
constexpr int kShorts = 2 * kLanes;
typedef float F __attribute__((vector_size(4 * kLanes)));
typedef I32 V __attribute__((vector_size(4 * kLanes)));
typedef U32 U __attribute__((vector_size(4 * kLanes)));  // sums modulo 2^32
typedef std::int16_t S __attribute__((vector_size(4 * kLanes)));
typedef std::int8_t B __attribute__((vector_size(kShorts)));

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

INC_INLINE U multiply_add(U sum, U x, U w) {
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

struct Place {
  I64 image, y, x;
};
INC_INLINE Place place(const Winograd& w, I64 tile) {
  const I64 per_image = w.rows * w.columns, within = tile % per_image;
  return {tile / per_image, within / w.columns * 4, within % w.columns * 4};
}

void transform(const Block& b, I64 begin, I64 end) {
  const auto& job = *static_cast<const Winograd8Job*>(b.job);
  const Winograd8& g = *job.plan;
  const Winograd& w = g.tiles;
  const WinogradShape& s = w.shape;
  const I64 plane = w.block * w.in_row;
  const auto* src = reinterpret_cast<const std::int8_t*>(job.operands->src);
  B flip;
  std::memset(&flip, g.signed_input ? 0 : 128, sizeof flip);
  for (I64 i = begin; i < end; ++i) {
    const Place at = place(w, b.first + i);
    const std::int8_t* from[6][6];
    for (int j = 0; j < 6; ++j)
      for (int k = 0; k < 6; ++k) {
        const I64 y = at.y + j - s.top, x = at.x + k - s.left;
        const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
        from[j][k] = inside ? src + ((at.image * s.height + y) * s.width + x) * s.channels : g.pad.data();
      }
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

/// P tiles times N vectors of output channels.
template <int N, int P>
void product(const std::int16_t* a, I64 a_row, const std::int16_t* u, I64 pairs, U32* m, I64 m_row) {
  U sum[P][N];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) sum[p][n] = U{};
  for (I64 c = 0; c < pairs; ++c, u += N * kShorts) {
    U right[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) right[n] = get<U>(u + n * kShorts);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const U left = U{} + get<U32>(a + p * a_row + 2 * c);
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[p][n] = multiply_add(sum[p][n], left, right[n]);
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) put(m + p * m_row + n * kLanes, sum[p][n]);
}

using Product = void (*)(const std::int16_t*, I64, const std::int16_t*, I64, U32*, I64);
template <int N, int... P>
struct Products {
  static constexpr Product kAll[] = {product<N, P>...};
};
template <int N>
#if defined(__AVX512F__)
using AllProducts = Products<N, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>;
#elif defined(__AVX2__)
using AllProducts = Products<N, 1, 2, 3, 4, 5, 6>;
#else
using AllProducts = Products<N, 1, 2, 3, 4>;
#endif

void multiply(const Block& b, I64 begin, I64 end) {
  const Winograd& w = *b.plan;
  const I64 depth = w.shape.channels, outputs = (w.shape.out_channels + kLanes - 1) / kLanes * kLanes;
  const I64 groups = (b.tiles + kRows - 1) / kRows;
  for (I64 point = begin; point < end; ++point) {
    const auto* in = static_cast<const std::int16_t*>(b.in) + point * w.block * w.in_row;
    auto* out = static_cast<U32*>(b.out) + point * w.block * w.out_row;
    const auto* u = reinterpret_cast<const std::int16_t*>(b.packed) + point * outputs * depth;
    for (I64 first = 0; first < outputs; first += w.panel) {
      const bool narrow = w.panel == kLanes || outputs - first == kLanes;
      for (I64 g = 0; g < groups; ++g) {
        const I64 from = g * b.tiles / groups, count = (g + 1) * b.tiles / groups - from;
        const Product one = (narrow ? AllProducts<1>::kAll : AllProducts<2>::kAll)[count - 1];
        one(in + from * w.in_row, w.in_row, u, depth / 2, out + from * w.out_row + first, w.out_row);
      }
      u += depth * (narrow ? kLanes : w.panel);
    }
  }
}

INC_INLINE F fma(F a, F b, F c) {
#if defined(__AVX512F__)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  F y;
  for (int i = 0; i < kLanes; ++i) y[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return y;
#endif
}
/// To the nearest, ties to even.
INC_INLINE V nearest(F t) {
#if defined(__AVX512F__)
  return (V)_mm512_cvtps_epi32((__m512)t);
#elif defined(__AVX2__)
  return (V)_mm256_cvtps_epi32((__m256)t);
#else
  return (V)_mm_cvtps_epi32((__m128)t);
#endif
}
template <class T>
INC_INLINE T larger(T a, T b) {
  return a > b ? a : b;
}
template <class T>
INC_INLINE T smaller(T a, T b) {
  return a < b ? a : b;
}
INC_INLINE void put_bytes(std::byte* to, V v) {
#if defined(__AVX512F__)
  put(to, _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__AVX2__)
  const __m256i bytes = _mm256_and_si256((__m256i)v, _mm256_set1_epi32(255));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  put(to, _mm_cvtsi128_si64(_mm_packus_epi16(words, words)));
#else
  for (int i = 0; i < kLanes; ++i) to[i] = static_cast<std::byte>(v[i]);
#endif
}
/// 8-bit numbers, one to a lane.
INC_INLINE V numbers(const std::byte* from, bool is_signed) {
#if defined(__AVX512F__)
  const auto bytes = get<__m128i>(from);
  return (V)(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_cvtsi64_si128(get<long long>(from));
  return (V)(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
#else
  V v;
  for (int i = 0; i < kLanes; ++i) v[i] = is_signed ? static_cast<std::int8_t>(from[i]) : static_cast<std::uint8_t>(from[i]);
  return v;
#endif
}
template <DenseResidual kType>
INC_INLINE F added(const std::byte* from) {
  if constexpr (kType == DenseResidual::F32) return get<F>(from);
  return __builtin_convertvector(numbers(from, kType == DenseResidual::S8), F);
}

/// Not a number becomes 0.
INC_INLINE F within(F t) {
  t = t == t ? t : F{};
  return smaller(larger(t, F{} - 1e6f), F{} + 1e6f);
}

template <DenseResidual kResidual, bool kReal>
void finish(const Block& b, I64 begin, I64 end) {
  const auto& job = *static_cast<const Winograd8Job*>(b.job);
  const Winograd8& g = *job.plan;
  const Winograd& w = g.tiles;
  const WinogradShape& s = w.shape;
  const DenseOperands& o = *job.operands;
  constexpr I64 kBytes = kReal ? 4 : 1, kAdded = kResidual == DenseResidual::F32 ? 4 : 1;
  const I64 plane = w.block * w.out_row;
  const V zero = V{} + g.out_zero;
  const F residual_scale = F{} + g.residual_scale;
  for (I64 i = begin; i < end; ++i) {
    const Place at = place(w, b.first + i);
    const I64 start = ((at.image * s.out_height + at.y) * s.out_width + at.x) * s.out_channels;
    const I64 rows = s.out_height - at.y < 4 ? s.out_height - at.y : 4;
    const I64 columns = s.out_width - at.x < 4 ? s.out_width - at.x : 4;
    for (I64 next = 0; next < s.out_channels; next += kLanes) {
      const I64 c = next < s.out_channels - kLanes ? next : s.out_channels - kLanes;
      const U32* from = static_cast<const U32*>(b.out) + i * w.out_row + c;
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
      const F scale = get<F>(g.scale.data() + c), shift = get<F>(g.shift.data() + c);
      const V offset = get<V>(g.offset.data() + c);
      const V low = kReal ? get<V>(g.low.data() + c) : get<V>(g.low_step.data() + c);
      const V high = kReal ? get<V>(g.high.data() + c) : get<V>(g.high_step.data() + c);
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
          const V sum = ((V)(y[k] * kInverse) >> (kTwos[j] + kTwos[k])) + offset;
          F t = fma(__builtin_convertvector(sum, F), scale, shift);
          if constexpr (kResidual != DenseResidual::None)
            t = within(fma(added<kResidual>(o.residual + place * kAdded), residual_scale, t));
          if constexpr (kReal)
            put(o.dst + place * kBytes, smaller(larger(t, (F)low), (F)high));
          else
            put_bytes(o.dst + place, smaller(larger(nearest(t), low), high) + zero);
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
  return {eight::transform, eight::multiply, finish, eight::kLanes, eight::kRows};
}

}  // namespace inc::kernels::INC_KERNEL_ISA
