#include "kernels/winograd/tiles.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kLeast = 48;             // tiles of a block, for weights to be worth reading
constexpr I64 kNear = 768 * 1024;      // bytes of a block beside weights that stay in a second-level cache
constexpr I64 kFar = 8 * 1024 * 1024;  // and beside others
constexpr I64 kNearWeights = 1024 * 1024;

I64 ceil_div(I64 a, I64 b) noexcept {
  return (a + b - 1) / b;
}

/// Rows whose length is a power of two would fall on few sets of a cache.
I64 row_of(I64 numbers, I64 bytes) noexcept {
  const I64 line = 64 / bytes;
  return ceil_div(numbers, line) * line + line;
}

I64 tile_bytes(const Winograd& p, I64 bytes) noexcept {
  return p.points() * (p.in_row * bytes + p.out_row * static_cast<I64>(sizeof(float)));
}

}  // namespace

Winograd plan_tiles(const WinogradShape& shape, I64 tile, int shares, I64 lanes, I64 bytes) {
  Winograd p;
  p.shape = shape;
  p.tile = tile;
  p.rows = ceil_div(shape.out_height, tile), p.columns = ceil_div(shape.out_width, tile);
  p.panel = shape.out_channels <= lanes ? lanes : kWinogradVectors * lanes;
  const I64 outputs = ceil_div(shape.out_channels, lanes) * lanes;
  p.in_row = row_of(shape.channels, bytes);
  p.out_row = row_of(outputs, sizeof(float));
  p.weight_bytes = p.points() * outputs * shape.channels * bytes;
  const I64 fit = std::max(kLeast, (p.weight_bytes <= kNearWeights ? kNear : kFar) / tile_bytes(p, bytes));
  p.together = p.tiles() < kLeast * shares;
  const I64 blocks = ceil_div(p.tiles(), fit), even = p.together ? blocks : ceil_div(blocks, shares) * shares;
  p.block = ceil_div(p.tiles(), even);
  p.shares = shares;
  p.scratch_bytes = tile_bytes(p, bytes) * p.block * (p.together ? 1 : shares);
  return p;
}

void run_tiles(const Winograd& p, const WinogradVariant& v, const void* job, const std::byte* packed, std::byte* scratch,
               I64 bytes) noexcept {
  const I64 blocks = ceil_div(p.tiles(), p.block), points = p.points();
  const auto block = [&](I64 index, I64 share) {
    std::byte* in = scratch + share * tile_bytes(p, bytes) * p.block;
    const I64 first = index * p.block;
    return WinogradBlock{&p, job, packed, first, std::min(p.block, p.tiles() - first),
                         in, in + points * p.block * p.in_row * bytes};
  };
  if (p.together) {
    for (I64 i = 0; i < blocks; ++i) {
      const WinogradBlock b = block(i, 0);
      parallel_for(b.tiles, 1, [&](I64 from, I64 to) { v.transform(b, from, to); });
      parallel_for(points, 1, [&](I64 from, I64 to) { v.multiply(b, from, to); });
      parallel_for(b.tiles, 1, [&](I64 from, I64 to) { v.finish(b, from, to); });
    }
    return;
  }
  parallel_for(p.shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share)
      for (I64 i = share * blocks / p.shares; i < (share + 1) * blocks / p.shares; ++i) {
        const WinogradBlock b = block(i, share);
        v.transform(b, 0, b.tiles);
        v.multiply(b, 0, points);
        v.finish(b, 0, b.tiles);
      }
  });
}

}  // namespace inc::kernels
