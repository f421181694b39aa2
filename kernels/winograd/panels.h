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

/// `count` numbers at either side; the rest is 0, and is left alone.
template <class T>
INC_INLINE T get_some(const void* from, I64 count) {
  T v{};
  std::memcpy(&v, from, static_cast<std::size_t>(count) * (sizeof(T) / kLanes));
  return v;
}
