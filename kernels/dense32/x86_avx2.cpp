#include <immintrin.h>

#include <cstring>

#include "kernels/dense32/variant.h"

namespace inc::kernels::avx2 {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

constexpr I64 kLine = 64;

/// In assembly: otherwise gcc sums in other registers than it began with and spills a third of them (106 GOP/s to 115).
INC_INLINE void add_product(V& sum, V a, V b) {
  asm("vfmadd231ps %1, %2, %0" : "+x"(sum) : "x"(a), "x"(b));
}

/// Of a panel's last vector, which has `lanes` channels.
template <bool kPart>
struct Lanes {
  VI mask;
  explicit INC_INLINE Lanes(I64 lanes) : mask(VI{0, 1, 2, 3, 4, 5, 6, 7} < static_cast<std::int32_t>(lanes)) {}
  INC_INLINE V get(const float* from, bool ends) const {
    return kPart && ends ? (V)_mm256_maskload_ps(from, (__m256i)mask) : load(from);
  }
  INC_INLINE void put(float* to, V v, bool ends) const {
    if (kPart && ends)
      _mm256_maskstore_ps(to, (__m256i)mask, (__m256)v);
    else
      store(to, v);
  }
};

/// P rows times N vectors. `ahead`: weights that come next, fetched at a line for every four numbers of a row.
template <int P, int N, bool kPart>
void tile(const Dense32Run& r, I64 row, const float* ahead) {
  const Lanes<kPart> lanes(r.channels - (N - 1) * kLanes);
  const float* x[P];
  V sum[P][N];
  const I64 step = r.step;
  float* dst = r.dst + row * step;
#pragma GCC unroll 12
  for (int p = 0; p < P; ++p) x[p] = r.rows[row + p];
  if (r.far)
#pragma GCC unroll 12
    for (int p = 0; p < P; ++p) {
      __builtin_prefetch(dst + p * step, 1);
      __builtin_prefetch(dst + p * step + N * kLanes - 1, 1);
    }
#pragma GCC unroll 3
  for (int n = 0; n < N; ++n) {
    const V bias = r.bias != nullptr ? lanes.get(r.bias + n * kLanes, n == N - 1) : V{};
#pragma GCC unroll 12
    for (int p = 0; p < P; ++p) sum[p][n] = bias;
  }
  if (r.adds != nullptr)
#pragma GCC unroll 12
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 3
      for (int n = 0; n < N; ++n) sum[p][n] = sum[p][n] + lanes.get(r.adds + (row + p) * step + n * kLanes, n == N - 1);
  const float* w = r.weights;
  const auto multiply = [&](I64 k) __attribute__((always_inline)) {
    V right[N];
#pragma GCC unroll 3
    for (int n = 0; n < N; ++n) right[n] = load(w + n * kLanes);
    w += N * kLanes;
#pragma GCC unroll 12
    for (int p = 0; p < P; ++p) {
      const V left = splat(x[p][k]);
#pragma GCC unroll 3
      for (int n = 0; n < N; ++n) add_product(sum[p][n], left, right[n]);
    }
  };
  I64 k = 0;
  for (const I64 end = r.depth - 3; k < end; k += 4, ahead += 16) {
    __builtin_prefetch(ahead);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) multiply(k + j);
  }
  for (; k < r.depth; ++k) multiply(k);
  const V low = splat(r.low), high = splat(r.high), slope = splat(r.slope);
  const bool bends = r.slope != 1.0f;
#pragma GCC unroll 12
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 3
    for (int n = 0; n < N; ++n) {
      V t = sum[p][n];
      if (bends) t = t < V{} ? t * slope : t;
      lanes.put(dst + p * step + n * kLanes, smaller(high, larger(low, t)), n == N - 1);
    }
}

template <int N, bool kPart, int... P>
struct Tiles {
  static constexpr void (*kAll[])(const Dense32Run&, I64, const float*) = {tile<P, N, kPart>...};
  static constexpr I64 kMost = sizeof...(P);

  /// Tiles of about the same height.
  static void run(const Dense32Run& r) {
    const I64 count = (r.count + kMost - 1) / kMost, lines = r.depth * N * kLanes, share = lines / count;
    const I64 rows = r.count / count, higher = r.count % count;
    const float* ahead = r.weights + lines;
    const std::byte* later = r.later;
    const I64 part = (r.later_bytes / count + kLine - 1) / kLine * kLine;
    I64 from = 0;
    for (I64 i = 0; i < count; ++i, ahead += share) {
      for (const std::byte* end = later + part; later < end; later += kLine) _mm_prefetch(later, _MM_HINT_T1);
      const I64 now = i < higher ? rows + 1 : rows;
      kAll[now - 1](r, from, ahead);
      from += now;
    }
  }
};
template <bool kPart>
void run(const Dense32Run& r) {
  if (r.channels > 2 * kLanes)
    Tiles<3, kPart, 1, 2, 3, 4>::run(r);
  else if (r.channels > kLanes)
    Tiles<2, kPart, 1, 2, 3, 4, 5, 6>::run(r);
  else
    Tiles<1, kPart, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>::run(r);
}

}  // namespace

void run_dense32(const Dense32Run& r) noexcept {
  r.channels % kLanes == 0 ? run<false>(r) : run<true>(r);
}

}  // namespace inc::kernels::avx2
