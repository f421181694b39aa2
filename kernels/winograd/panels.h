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

/// A has types Number of patches and weights and Sum, how many input channels meet in a lane, and product().
template <class A>
void multiply(const Block& b, I64 begin, I64 end) {
  const Winograd& w = *b.plan;
  const I64 depth = w.shape.channels, outputs = (w.shape.out_channels + kLanes - 1) / kLanes * kLanes;
  constexpr int kRows = AllProducts<A, 1>::kRows;
  const I64 groups = (b.tiles + kRows - 1) / kRows;
  for (I64 point = begin; point < end; ++point) {
    const auto* in = static_cast<const typename A::Number*>(b.in) + point * w.block * w.in_row;
    auto* out = static_cast<typename A::Sum*>(b.out) + point * w.block * w.out_row;
    const auto* u = reinterpret_cast<const typename A::Number*>(b.packed) + point * outputs * depth;
    for (I64 first = 0; first < outputs; first += w.panel) {
      const bool narrow = w.panel == kLanes || outputs - first == kLanes;
      const auto* next = u + depth * (narrow ? kLanes : w.panel);
      for (I64 g = 0; g < groups; ++g) {
        const I64 from = g * b.tiles / groups, count = (g + 1) * b.tiles / groups - from;
        const auto one = (narrow ? AllProducts<A, 1>::kAll : AllProducts<A, 2>::kAll)[count - 1];
        one(in + from * w.in_row, w.in_row, u, g == 0 ? next : u, depth / A::kTogether, out + from * w.out_row + first,
            w.out_row);
      }
      u = next;
    }
  }
}
