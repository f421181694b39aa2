#include "kernels/winograd/tiles.h"

#include <algorithm>

#include "core/base/parallel.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kLeast = 48, kMost = 96;  // tiles of a block: weights are worth reading; sums stay in a second-level cache
constexpr I64 kNear = 512 * 1024;       // bytes of a block beside weights that stay in a second-level cache
constexpr I64 kFar = 4 * 1024 * 1024;   // and beside others
constexpr I64 kNearWeights = 1024 * 1024;

I64 ceil_div(I64 a, I64 b) noexcept {
  return (a + b - 1) / b;
}

/// Rows whose length is a power of two would fall on few sets of a cache.
I64 row_of(I64 numbers, I64 bytes) noexcept {
  const I64 line = 64 / bytes;
  return ceil_div(numbers, line) * line + line;
}

/// Of a block.
I64 patch_bytes(const Winograd& p, I64 bytes) noexcept {
  return p.points() * p.block * p.in_row * bytes;
}
I64 sum_bytes(const Winograd& p) noexcept {
  return p.points() * p.block * p.panel * static_cast<I64>(sizeof(float));
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
  p.weight_bytes = p.points() * outputs * shape.channels * bytes;
  p.block = 1;
  const I64 fit = (p.weight_bytes <= kNearWeights ? kNear : kFar) / (patch_bytes(p, bytes) + sum_bytes(p));
  p.together = p.tiles() < kLeast * shares;
  const I64 blocks = ceil_div(p.tiles(), std::clamp(fit, kLeast, kMost));
  const I64 even = p.together ? blocks : ceil_div(blocks, shares) * shares;
  p.block = ceil_div(p.tiles(), even);
  p.shares = shares;
  p.scratch_bytes = patch_bytes(p, bytes) * (p.together ? 1 : shares) + sum_bytes(p) * shares;
  return p;
}

void run_tiles(const Winograd& p, const WinogradVariant& v, const void* job, const std::byte* packed, std::byte* scratch,
               I64 bytes) noexcept {
  const I64 blocks = ceil_div(p.tiles(), p.block), panels = ceil_div(p.shape.out_channels, p.panel), shares = p.shares;
  const auto block = [&](I64 index, I64 share) {
    const I64 first = index * p.block;
    std::byte* out = scratch + share * sum_bytes(p);
    std::byte* in = scratch + shares * sum_bytes(p) + (p.together ? 0 : share) * patch_bytes(p, bytes);
    return WinogradBlock{&p, job, packed, first, std::min(p.block, p.tiles() - first), in, out};
  };
  const auto each_panel = [&](const WinogradBlock& b, I64 from, I64 to) {
    for (I64 panel = from; panel < to; ++panel) v.multiply(b, panel), v.finish(b, panel);
  };
  const auto each_share = [&](const auto& body) {
    parallel_for(shares, 1, [&](I64 first, I64 last) {
      for (I64 share = first; share < last; ++share) body(share);
    });
  };
  if (p.together) {
    for (I64 i = 0; i < blocks; ++i) {
      parallel_for(block(i, 0).tiles, 1, [&](I64 from, I64 to) { v.transform(block(i, 0), from, to); });
      each_share([&](I64 share) {
        each_panel(block(i, share), share * panels / shares, (share + 1) * panels / shares);
      });
    }
    return;
  }
  each_share([&](I64 share) {
    for (I64 i = share * blocks / shares; i < (share + 1) * blocks / shares; ++i) {
      const WinogradBlock b = block(i, share);
      v.transform(b, 0, b.tiles);
      each_panel(b, 0, panels);
    }
  });
}

}  // namespace inc::kernels
