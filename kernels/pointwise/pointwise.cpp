#include "kernels/pointwise/pointwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "kernels/pointwise/variant.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kLanes = 16;
constexpr I64 kMostChannels = 65000;  // sums of products of u8 and s8 stay within int32
constexpr float kMost = 1 << 30;      // of a scaled sum: it fits int32
constexpr I64 kBandBytes = 16 << 10;  // of input: half of the first-level cache
constexpr I64 kLeastBand = 48;        // pixels that a block's weights serve
constexpr I64 kLeastPixels = 64;      // of a share; with fewer, shares are of channels

I64 ceil_div(I64 a, I64 b) {
  return (a + b - 1) / b;
}

bool is_packable(const PointwiseGroup& g) {
  const PointwiseShape& s = g.shape;
  if (g.has_residual && g.out == PointwiseOut::F32) return false;
  if (s.channels % 4 != 0 || s.channels > kMostChannels) return false;
  for (I64 c = 0; c < s.out_channels; ++c) {
    float sum = 0;
    for (I64 k = 0; k < s.channels; ++k) sum += static_cast<float>(std::abs(g.weights[c * s.channels + k]));
    const float residual = g.has_residual ? 255.0f * std::abs(g.residual_scale) : 0.0f;
    if (!(255.0f * sum * std::abs(g.scale[c]) + std::abs(g.shift[c]) + residual < kMost)) return false;
  }
  return true;
}

/// Four vectors, or three where that leaves fewer lanes empty.
I64 choose_vectors(I64 channels) {
  const I64 vectors = ceil_div(channels, kLanes);
  if (vectors < 4) return vectors;
  return vectors % 4 != 0 && vectors % 3 == 0 ? 3 : vectors % 4 == 1 ? 3 : 4;
}

/// Of the largest tile, or the next smaller where that leaves fewer pixels to a narrow one.
I64 choose_pixels(I64 most, I64 pixels) {
  if (most != 6) return most;
  const auto rest = [&](I64 tile) { return pixels % tile == 0 ? 0 : std::max<I64>(pixels % tile, 3) - pixels % tile; };
  return rest(5) < rest(6) ? 5 : 6;
}

/// Where a vector's lane of a block finds its channel: bytes come out of the packing of four vectors in groups of four.
I64 channel_at(I64 vectors, I64 place) {
  if (vectors != 4) return place;
  const I64 j = place / kLanes, lane = place % kLanes / 4, i = place % 4;
  return 16 * lane + 4 * j + i;
}

std::uint8_t bound(float value, std::int32_t zero) {
  const float low = static_cast<float>(-zero), high = static_cast<float>(255 - zero);
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(std::clamp(value, low, high))) + zero);
}

void set_constants(PointwiseBlock& b, const PointwiseGroup& g) {
  const I64 places = b.vectors * kLanes, channels = g.shape.channels;
  const std::int32_t in_zero = g.input_zero + (g.signed_input ? 128 : 0);
  const std::int32_t out_zero = g.out_zero + (g.out == PointwiseOut::S8 ? 128 : 0);
  for (I64 at = 0; at < places; ++at) {
    const I64 inside = channel_at(g.out == PointwiseOut::F32 ? 1 : b.vectors, at), c = b.first + inside;
    if (inside >= b.channels) continue;
    std::int32_t sum = 0;
    for (I64 k = 0; k < channels; ++k) sum += g.weights[c * channels + k];
    b.init[at] = -in_zero * sum;
    b.scale[at] = g.scale[c], b.shift[at] = g.shift[c];
    b.low[at] = g.low[c], b.high[at] = g.high[c];
  }
  if (g.out == PointwiseOut::F32) return;
  for (I64 i = 0; i < 64; ++i) {
    const I64 inside = i % places;
    if (inside >= b.channels) continue;
    b.low8[i] = bound(g.low[b.first + inside], out_zero), b.high8[i] = bound(g.high[b.first + inside], out_zero);
  }
}

}  // namespace

std::optional<Pointwise8> plan_pointwise8(const PointwiseGroup& g) {
  if (!has_vnni() || !is_packable(g)) return std::nullopt;
  Pointwise8 p;
  p.shape = g.shape;
  p.signed_input = g.signed_input;
  p.out = g.out;
  p.out_zero = g.out_zero;
  p.has_residual = g.has_residual, p.signed_residual = g.signed_residual, p.residual_scale = g.residual_scale;
  p.plain = !g.has_residual && !g.signed_input && g.out == PointwiseOut::U8 && g.out_zero == 0;
  for (I64 c = 0; c < g.shape.out_channels; ++c) p.plain = p.plain && g.low[c] <= 0.0f;
  const I64 vectors = choose_vectors(g.shape.out_channels);
  for (I64 first = 0; first < g.shape.out_channels; first += vectors * kLanes) {
    PointwiseBlock b;
    b.first = first;
    b.channels = std::min(vectors * kLanes, g.shape.out_channels - first);
    b.vectors = ceil_div(b.channels, kLanes);
    b.pixels = choose_pixels(kPointwisePixels[b.vectors - 1], g.shape.pixels);
    b.weights = p.weight_bytes;
    p.weight_bytes += b.vectors * kLanes * g.shape.channels;
    set_constants(b, g);
    p.blocks.push_back(b);
  }
  p.band = std::max(kLeastBand, kBandBytes / g.shape.channels / 48 * 48);
  return p;
}

void pack_pointwise8(const Pointwise8& p, const std::int8_t* weights, std::byte* packed) noexcept {
  const I64 channels = p.shape.channels;
  for (const PointwiseBlock& b : p.blocks) {
    std::byte* to = packed + b.weights;
    for (I64 unit = 0; unit < channels / 4; ++unit)
      for (I64 place = 0; place < b.vectors * kLanes; ++place)
        for (I64 i = 0; i < 4; ++i, ++to) {
          const I64 inside = channel_at(p.out == PointwiseOut::F32 ? 1 : b.vectors, place);
          const I64 from = (b.first + inside) * channels + 4 * unit + i;
          *to = inside < b.channels ? static_cast<std::byte>(weights[from]) : std::byte{0};
        }
  }
}

void pointwise8(const Pointwise8& p, const std::byte* packed, const std::byte* src, const std::byte* residual,
                std::byte* dst, int shares) noexcept {
  const PointwiseShape& s = p.shape;
  const auto blocks = static_cast<I64>(p.blocks.size());
  const I64 number = p.out == PointwiseOut::F32 ? 4 : 1;
  PointwiseRun all;
  all.src_step = s.channels;
  all.dst_step = s.out_channels * number;
  all.units = s.channels / 4;
  all.out = p.out;
  all.out_zero = p.out_zero;
  all.signed_input = p.signed_input;
  all.signed_residual = p.signed_residual;
  all.residual_scale = p.residual_scale;
  all.plain = p.plain;
  const auto multiply = [&](I64 block, I64 pixel, I64 count) {
    const PointwiseBlock& b = p.blocks[static_cast<std::size_t>(block)];
    PointwiseRun run = all;
    run.src = src + pixel * s.channels;
    run.dst = dst + pixel * run.dst_step + b.first * number;
    if (p.has_residual) run.residual = residual + pixel * s.out_channels + b.first;
    run.pixels = count;
    run.weights = packed + b.weights;
    run.next = packed + (block + 1 < blocks ? p.blocks[static_cast<std::size_t>(block) + 1].weights : 0);
    run.next_end = packed + p.weight_bytes;
    run.block = &b;
    avx512vnni::run_pointwise(run);
  };
  const bool by_pixels = s.pixels >= kLeastPixels * shares;
  parallel_for(shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share) {
      if (by_pixels) {
        const I64 begin = s.pixels * share / shares, end = s.pixels * (share + 1) / shares;
        for (I64 pixel = begin; pixel < end; pixel += p.band)
          for (I64 block = 0; block < blocks; ++block) multiply(block, pixel, std::min(p.band, end - pixel));
        continue;
      }
      // Block by block, in each pixel by pixel.
      const I64 total = s.pixels * blocks, end = total * (share + 1) / shares;
      for (I64 at = total * share / shares; at < end;) {
        const I64 pixel = at % s.pixels, count = std::min(s.pixels - pixel, end - at);
        multiply(at / s.pixels, pixel, count);
        at += count;
      }
    }
  });
}

}  // namespace inc::kernels
