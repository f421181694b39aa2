#include <immintrin.h>

#include <cstring>

#include "kernels/depthwise32/variant.h"

namespace inc::kernels::avx2 {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

constexpr I64 kLine = 16;  // numbers

/// Some channels of a row.
struct Sweep {
  static constexpr int kColumns = 4;

  const DepthwiseShape s;
  const Depthwise32Operands o;
  const float *src, *zeros;  ///< src: the image
  float* dst;                ///< the row
  I64 begin, end;
  const float* rows[kDepthwise32Taps];  ///< under the windows
  I64 steps[kDepthwise32Taps];          ///< numbers from pixel to pixel: 0 where there is no row
  bool above = true;                    ///< the image, all of them

  explicit Sweep(const Depthwise32Row& r)
      : s(r.plan->shape),
        o(*r.operands),
        src(o.src + r.image * s.height * s.width * s.channels),
        zeros(r.plan->zeros.data()),
        dst(o.dst + (r.image * s.out_height + r.row) * s.out_width * s.channels),
        begin(r.begin),
        end(r.end) {
    for (I64 ky = 0; ky < s.kernel_h; ++ky) {
      const I64 y = r.row * s.stride_h - s.top + ky * s.dilation_h;
      const bool inside = y >= 0 && y < s.height;
      rows[ky] = inside ? src + y * s.width * s.channels : zeros;
      steps[ky] = inside ? s.channels : 0;
      above = above && inside;
    }
  }

  INC_INLINE const float* pixel(I64 ky, I64 x) const { return x >= 0 && x < s.width ? rows[ky] + x * steps[ky] : zeros; }

  template <int C, int N>
  INC_INLINE void finish(V (&sum)[C][N], I64 ox, I64 c) const {
    const V low = splat(o.low), high = splat(o.high), slope = splat(o.slope);
    const bool bends = o.slope != 1.0f;
#pragma GCC unroll 4
    for (int t = 0; t < C; ++t)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) {
        V v = sum[t][n];
        if (bends) v = v < V{} ? v * slope : v;
        store(dst + (ox + t) * s.channels + c + n * kLanes, smaller(high, larger(low, v)));
      }
  }

  /// 3×3 windows whose columns lie side by side: each pixel is read once for all outputs that see it. `get`: a vector of a
  /// pixel under the tile.
  template <int S, int C, class Get>
  INC_INLINE void narrow(const Get& get, I64 ox, I64 c) const {
    constexpr int kPixels = (C - 1) * S + 3;
    const I64 channels = s.channels;
    V sum[C][1];
    const V bias = load(o.bias + c);
#pragma GCC unroll 4
    for (int t = 0; t < C; ++t) sum[t][0] = bias;
    const float* w = o.weights + c;
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky, w += 3 * channels) {
      const V w0 = load(w), w1 = load(w + channels), w2 = load(w + 2 * channels);
#pragma GCC unroll 9
      for (int j = 0; j < kPixels; ++j) {
        const V x = get(ky, j);
#pragma GCC unroll 4
        for (int t = 0; t < C; ++t) {
          const int kx = j - t * S;
          if (kx >= 0 && kx < 3) sum[t][0] = multiply_add(x, kx == 0 ? w0 : kx == 1 ? w1 : w2, sum[t][0]);
        }
      }
    }
    finish<C, 1>(sum, ox, c);
  }

  /// The last vector may overlap the one before it.
  template <class F>
  INC_INLINE void each_vector(const F& at) const {
    I64 c = begin;
    for (; c + kLanes <= end; c += kLanes) at(c);
    if (c < end) at(end - kLanes);
  }

  template <int S, int C>
  INC_INLINE void narrow_within(I64 ox, I64 x) const {
    constexpr int kThrees = ((C - 1) * S + 5) / 3;
    const I64 pixel = s.channels;
    const float* from[3][kThrees];  // every third pixel: addresses of the others take no register of their own
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky)
#pragma GCC unroll 3
      for (int i = 0; i < kThrees; ++i) from[ky][i] = rows[ky] + (x + 3 * i) * steps[ky];
    each_vector([&](I64 c) __attribute__((always_inline)) {
      const I64 at[3] = {c, c + pixel, c + 2 * pixel};
      narrow<S, C>(
          [&](int ky, int j) __attribute__((always_inline)) { return load(from[ky][j / 3] + at[j % 3]); }, ox, c);
    });
  }

  template <int S, int C>
  INC_INLINE void narrow_beside(I64 ox, I64 x) const {
    constexpr int kPixels = (C - 1) * S + 3;
    const float* from[3 * kPixels];
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky)
#pragma GCC unroll 9
      for (int j = 0; j < kPixels; ++j) from[ky * kPixels + j] = pixel(ky, x + j);
    each_vector([&](I64 c) __attribute__((always_inline)) {
      narrow<S, C>(
          [&](int ky, int j) __attribute__((always_inline)) { return load(from[ky * kPixels + j] + c); }, ox, c);
    });
  }

  template <int C, int N>
  INC_INLINE void any(const float* const* from, I64 ox, I64 c) const {
    V sum[C][N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      const V bias = load(o.bias + c + n * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < C; ++t) sum[t][n] = bias;
    }
    const float* w = o.weights + c;
    for (I64 tap = s.kernel_h * s.kernel_w; tap > 0; --tap, w += s.channels, from += C) {
      V right[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) right[n] = load(w + n * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < C; ++t)
#pragma GCC unroll 2
        for (int n = 0; n < N; ++n) sum[t][n] = multiply_add(load(from[t] + (c + n * kLanes)), right[n], sum[t][n]);
    }
    finish<C, N>(sum, ox, c);
  }

  template <int C>
  INC_INLINE void any(I64 ox, I64 x) const {
    const float* from[kDepthwise32Taps * C];
    I64 i = 0;
    for (I64 ky = 0; ky < s.kernel_h; ++ky)
      for (I64 kx = 0; kx < s.kernel_w; ++kx)
#pragma GCC unroll 4
        for (int t = 0; t < C; ++t) from[i++] = pixel(ky, x + t * s.stride_w + kx * s.dilation_w);
    I64 c = begin;
    for (; c + 2 * kLanes <= end; c += 2 * kLanes) any<C, 2>(from, ox, c);
    if (c + kLanes <= end) any<C, 1>(from, ox, c), c += kLanes;
    if (c < end) any<C, 1>(from, ox, end - kLanes);
  }

  /// C neighbouring pixels; S: the stride of 3×3 windows, or 0.
  template <int S, int C>
  void tile(I64 ox) const {
    const I64 x = ox * s.stride_w - s.left;
    if constexpr (S == 0)
      any<C>(ox, x);
    else if (above && x >= 0 && x + (C - 1) * S + 3 <= s.width)
      narrow_within<S, C>(ox, x);
    else
      narrow_beside<S, C>(ox, x);
  }

  template <int S>
  void tiles() const {
    I64 ox = 0;
    for (; ox + kColumns <= s.out_width; ox += kColumns) tile<S, kColumns>(ox);
    if (s.out_width - ox == 1) tile<S, 1>(ox);
    if (s.out_width - ox == 2) tile<S, 2>(ox);
    if (s.out_width - ox == 3) tile<S, 3>(ox);
  }

  void run() const {
    const bool narrow = s.kernel_h == 3 && s.kernel_w == 3 && s.dilation_w == 1 && s.stride_w <= 2;
    if (!narrow) return tiles<0>();
    s.stride_w == 1 ? tiles<1>() : tiles<2>();
  }
};

}  // namespace

void run_depthwise32(const Depthwise32Row& r) noexcept {
  for (I64 i = 0; i < r.later_numbers; i += kLine) __builtin_prefetch(r.later + i);
  Sweep(r).run();
}

}  // namespace inc::kernels::avx2
