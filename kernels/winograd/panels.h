#pragma once
// What both bodies share: where tiles lie, and the products of a block. Included inside the anonymous namespace of a variant;
// the body includes <immintrin.h>, <cstring> and variant.h first.

#include "kernels/vector.h"

using I64 = std::int64_t;
using Block = WinogradBlock;

/// Where a tile lies.
struct Place {
  I64 image, y, x;
};
INC_INLINE Place place(const Winograd& w, I64 tile) {
  const I64 per_image = w.rows * w.columns, within = tile % per_image;
  return {tile / per_image, within / w.columns * w.tile, within % w.columns * w.tile};
}

/// Where the pixels of a tile's patch are: in `src`, or `pad` beside the image.
template <int E>
INC_INLINE void find_patch(const Winograd& w, I64 tile, const std::byte* src, I64 number_bytes, const void* pad,
                           const std::byte* (&from)[E][E]) {
  const WinogradShape& s = w.shape;
  const Place at = place(w, tile);
  for (int j = 0; j < E; ++j)
    for (int k = 0; k < E; ++k) {
      const I64 y = at.y + j - s.top, x = at.x + k - s.left;
      const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
      from[j][k] = inside ? src + ((at.image * s.height + y) * s.width + x) * s.channels * number_bytes
                          : static_cast<const std::byte*>(pad);
    }
}

/// The products of an arithmetic for every number of tiles; N vectors of output channels.
template <class A, int N, int... P>
struct Products {
  static constexpr typename A::Product kAll[] = {A::template product<N, P>...};
  static constexpr int kRows = sizeof...(P);
};
template <class A, int N>
#if defined(__AVX512F__)
using AllProducts = Products<A, N, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>;
#elif defined(__AVX2__)
using AllProducts = Products<A, N, 1, 2, 3, 4, 5, 6>;
#else
using AllProducts = Products<A, N, 1, 2, 3, 4>;
#endif

/// Of the output channels of a panel; the last one may be narrower.
INC_INLINE I64 width_of(const Winograd& w, I64 panel) {
  const I64 outputs = (w.shape.out_channels + kLanes - 1) / kLanes * kLanes, rest = outputs - panel * w.panel;
  return rest < w.panel ? rest : w.panel;
}

/// A has types Number of patches and weights and Sum, how many input channels meet in a lane, and product().
template <class A>
void multiply(const Block& b, I64 panel) {
  const Winograd& w = *b.plan;
  const I64 depth = w.shape.channels, width = width_of(w, panel), points = w.points();
  constexpr int kRows = AllProducts<A, 1>::kRows;
  const I64 groups = (b.tiles + kRows - 1) / kRows;
  const auto* in = static_cast<const typename A::Number*>(b.in);
  auto* out = static_cast<typename A::Sum*>(b.out);
  const auto* u = reinterpret_cast<const typename A::Number*>(b.packed) + panel * w.panel * points * depth;
  for (I64 point = 0; point < points; ++point, in += w.block * w.in_row, out += w.block * w.panel, u += depth * width)
    for (I64 g = 0; g < groups; ++g) {
      const I64 from = g * b.tiles / groups, count = (g + 1) * b.tiles / groups - from;
      const auto one = (width == kLanes ? AllProducts<A, 1>::kAll : AllProducts<A, 2>::kAll)[count - 1];
      one(in + from * w.in_row, w.in_row, u, g == 0 ? u + depth * width : u, depth / A::kTogether, out + from * w.panel,
          w.panel);
    }
}

/// The first `count` numbers of a vector; what is not read is 0.
template <class T>
INC_INLINE T get_some(const void* from, I64 count) {
  T v{};
  if (count < kLanes)
    std::memcpy(&v, from, static_cast<std::size_t>(count) * (sizeof v / kLanes));
  else
    std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
INC_INLINE void put_some(void* to, T v, I64 count) {
  if (count < kLanes)
    std::memcpy(to, &v, static_cast<std::size_t>(count) * (sizeof v / kLanes));
  else
    std::memcpy(to, &v, sizeof v);
}
