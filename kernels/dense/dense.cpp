#include "kernels/dense/dense.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/base/parallel.h"
#include "kernels/dense/variant.h"
#include "kernels/isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kLanes = 16;
constexpr I64 kMostTaps = 65000;        // sums of products of u8 and s8 stay within int32
constexpr float kMost = 1 << 30;        // of a scaled sum: it fits int32
constexpr I64 kBandBytes = 16 << 10;    // of input: half of the first-level cache
constexpr I64 kLeastBand = 48;          // pixels that a block's weights serve
constexpr I64 kNearBytes = 160 << 10;   // of weights that stay in the second-level cache beside everything else
constexpr I64 kFarResults = 768 << 10;  // numbers that leave that cache
constexpr I64 kMostRows = 128;          // under a band
constexpr I64 kLeastPixels = 64;        // of a share; with fewer, shares are of channels

I64 ceil_div(I64 a, I64 b) {
  return (a + b - 1) / b;
}

/// The next one: remainders by it take no division.
I64 power_of_two(I64 value) {
  I64 power = 1;
  while (power < value) power *= 2;
  return power;
}

I64 taps_of(const DenseShape& s) {
  return s.channels * s.kernel_h * s.kernel_w;
}

bool is_packable(const DenseGroup& g) {
  const DenseShape& s = g.shape;
  const I64 taps = taps_of(s);
  if (g.residual != DenseResidual::None && g.out == DenseOut::F32) return false;
  if (s.channels % 4 != 0 || taps > kMostTaps || s.kernel_h > kMostRows) return false;
  for (I64 c = 0; c < s.out_channels; ++c) {
    float sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += static_cast<float>(std::abs(g.weights[c * taps + t]));
    const bool small = g.residual == DenseResidual::U8 || g.residual == DenseResidual::S8;
    const float residual = small ? 255.0f * std::abs(g.residual_scale) : 0.0f;
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

/// Of a tile, so that rows are covered in the shortest time: products, or what their latency takes, and something more.
I64 choose_pixels(I64 vectors, I64 width) {
  const auto time = [&](I64 tile) {
    I64 sum = 0;
    for (I64 left = width, p = tile; left > 0; left -= p) {
      while (p > left) p = p > 8 ? 8 : p > 4 ? 4 : p / 2;
      sum += std::max<I64>(p * vectors, 10) + 4;
    }
    return sum;
  };
  constexpr I64 kTiles[][3] = {{16, 8, 4}, {12, 8, 4}, {8, 4, 4}, {6, 5, 4}};
  const auto& tiles = kTiles[vectors - 1];
  return *std::min_element(std::begin(tiles), std::end(tiles), [&](I64 a, I64 b) { return time(a) < time(b); });
}

/// Where a vector's lane of a block finds its channel: bytes come out of the packing of four vectors in groups of four.
I64 channel_at(I64 vectors, I64 place, bool in_order) {
  if (vectors != 4 || in_order) return place;
  const I64 j = place / kLanes, lane = place % kLanes / 4, i = place % 4;
  return 16 * lane + 4 * j + i;
}

std::uint8_t bound(float value, std::int32_t zero) {
  const float low = static_cast<float>(-zero), high = static_cast<float>(255 - zero);
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(std::clamp(value, low, high))) + zero);
}

void set_constants(DenseBlock& b, const DenseGroup& g, bool in_order) {
  const I64 places = b.vectors * kLanes, taps = taps_of(g.shape);
  const std::int32_t in_zero = g.input_zero + (g.signed_input ? 128 : 0);
  const std::int32_t out_zero = g.out_zero + (g.out == DenseOut::S8 ? 128 : 0);
  for (I64 at = 0; at < places; ++at) {
    const I64 inside = channel_at(b.vectors, at, in_order), c = b.first + inside;
    if (inside >= b.channels) continue;
    std::int32_t sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += g.weights[c * taps + t];
    b.init[at] = -in_zero * sum;
    b.scale[at] = g.scale[c], b.shift[at] = g.shift[c];
    b.low[at] = g.low[c], b.high[at] = g.high[c];
  }
  if (g.out == DenseOut::F32) return;
  for (I64 i = 0; i < 64; ++i) {
    const I64 inside = i % places;
    if (inside >= b.channels) continue;
    b.low8[i] = bound(g.low[b.first + inside], out_zero), b.high8[i] = bound(g.high[b.first + inside], out_zero);
  }
}

/// The rows under the windows of a band: where they are, or copied between their padding when first wanted.
class Rows {
 public:
  Rows(const Dense8& p, const std::byte* src, std::byte* scratch)
      : p_(p),
        src_(src),
        scratch_(scratch),
        before_(std::min(p.shape.left * p.shape.channels, p.row_bytes)),
        count_(std::min(p.shape.width * p.shape.channels, p.row_bytes - before_)) {
    held_.fill(-1);
    if (p.in_place) return;
    for (I64 slot = 0; slot < p.slots; ++slot)
      std::memcpy(scratch + slot * p.row_bytes, p.pad.data(), static_cast<std::size_t>(p.row_bytes));
  }

  const std::byte* at(I64 image, I64 y) noexcept {
    const DenseShape& s = p_.shape;
    if (y < 0 || y >= s.height) return p_.pad.data();
    const I64 key = image * s.height + y;
    const std::byte* from = src_ + key * s.width * s.channels;
    if (p_.in_place) return from;
    const I64 slot = y & (p_.slots - 1);
    std::byte* row = scratch_ + slot * p_.row_bytes;
    I64& held = held_[static_cast<std::size_t>(slot)];
    if (held != key) std::memcpy(row + before_, from, static_cast<std::size_t>(count_));
    held = key;
    return row;
  }

 private:
  const Dense8& p_;
  const std::byte* src_;
  std::byte* scratch_;
  I64 before_, count_;  // bytes of padding to the left, and of a row
  std::array<I64, kMostRows> held_;
};

/// The part of the work that is one share's.
class Worker {
 public:
  Worker(const Dense8& p, const DenseOperands& o, int share)
      : p_(p), s_(p.shape), o_(o), share_(share), blocks_(static_cast<I64>(p.blocks.size())) {
    all_.src_step = s_.stride_w * s_.channels;
    all_.dst_step = s_.out_channels * (p.out == DenseOut::F32 ? 4 : 1);
    all_.kernel_h = s_.kernel_h;
    all_.units = s_.kernel_w * s_.channels / 4;
    all_.out = p.out;
    all_.out_zero = p.out_zero;
    all_.signed_input = p.signed_input;
    all_.residual_type = p.residual;
    all_.residual_scale = p.residual_scale;
    all_.plain = p.plain;
  }

  void run() const noexcept {
    if (!p_.points) return run_rows();
    const I64 pixels = s_.batch * s_.height * s_.width;
    const bool light = pixels * (s_.channels + s_.out_channels) >= 2 * p_.weight_bytes;
    if (light && pixels >= kLeastPixels * o_.shares) return run_pixels(part(pixels, 0), part(pixels, 1));
    // Block by block, in each pixel by pixel.
    for (I64 at = part(pixels * blocks_, 0), end = part(pixels * blocks_, 1); at < end;) {
      const I64 pixel = at % pixels, count = std::min(pixels - pixel, end - at);
      run_points(at / pixels, pixel, count);
      at += count;
    }
  }

 private:
  I64 part(I64 count, int end) const noexcept { return count * (share_ + end) / o_.shares; }

  void run_points(I64 block, I64 pixel, I64 count) const noexcept {
    const std::byte* row = o_.src + pixel * s_.channels;
    run_block(block, &row, pixel, count);
  }

  void run_pixels(I64 begin, I64 end) const noexcept {
    for (I64 pixel = begin; pixel < end; pixel += p_.band)
      for (I64 block = 0; block < blocks_; ++block) run_points(block, pixel, std::min(p_.band, end - pixel));
  }

  void run_rows() const noexcept {
    Rows rows(p_, o_.src, o_.scratch + share_ * p_.scratch_bytes);
    std::array<const std::byte*, kMostRows> under{};
    const I64 all = s_.batch * s_.out_height, end = part(all, 1);
    for (I64 row = part(all, 0), count = 0; row < end; row += count) {
      const I64 image = row / s_.out_height, oy = row % s_.out_height;
      count = std::min({p_.band, s_.out_height - oy, end - row});
      for (I64 r = 0; r < count; ++r)
        for (I64 k = 0; k < s_.kernel_h; ++k)
          under[static_cast<std::size_t>(r * s_.kernel_h + k)] =
              rows.at(image, (oy + r) * s_.stride_h - s_.top + k * s_.dilation_h);
      for (I64 block = 0; block < blocks_; ++block)
        for (I64 r = 0; r < count; ++r)
          run_block(block, under.data() + r * s_.kernel_h, (row + r) * s_.out_width, s_.out_width);
    }
  }

  void run_block(I64 block, const std::byte* const* rows, I64 pixel, I64 count) const noexcept {
    const DenseBlock& b = p_.blocks[static_cast<std::size_t>(block)];
    DenseRun run = all_;
    run.rows = rows;
    run.dst = o_.dst + pixel * run.dst_step + b.first * (p_.out == DenseOut::F32 ? 4 : 1);
    const I64 added = p_.residual == DenseResidual::F32 ? 4 : 1;
    if (p_.residual != DenseResidual::None) run.residual = o_.residual + (pixel * s_.out_channels + b.first) * added;
    run.pixels = count;
    run.weights = o_.packed + b.weights;
    run.next = o_.packed + (block + 1 < blocks_ ? p_.blocks[static_cast<std::size_t>(block) + 1].weights : 0);
    run.next_end = o_.packed + p_.weight_bytes;
    run.block = &b;
    avx512vnni::run_dense(run);
  }

  const Dense8& p_;
  const DenseShape& s_;
  const DenseOperands& o_;
  int share_;
  I64 blocks_;
  DenseRun all_;
};

/// How rows are read; false where there are too many under a band.
bool choose_rows(Dense8& p) {
  const DenseShape& s = p.shape;
  const bool same = s.height == s.out_height && s.width == s.out_width && s.stride_h == 1 && s.stride_w == 1;
  p.points = same && s.kernel_h == 1 && s.kernel_w == 1 && s.top == 0 && s.left == 0;
  if (p.points) {
    p.band = std::max(kLeastBand, kBandBytes / s.channels / 48 * 48);
    return true;
  }
  const I64 columns = (s.out_width - 1) * s.stride_w + s.kernel_w;
  p.in_place = s.left == 0 && columns <= s.width;
  p.row_bytes = columns * s.channels;
  p.band = std::clamp<I64>(ceil_div(kLeastBand, s.out_width), 1, kMostRows / s.kernel_h);
  p.slots = (p.band - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1;
  if (p.slots > kMostRows) p.band = 1, p.slots = (s.kernel_h - 1) * s.dilation_h + 1;
  p.slots = power_of_two(p.slots);
  p.scratch_bytes = p.in_place ? 0 : ceil_div(p.slots * p.row_bytes, 64) * 64;
  return p.slots <= kMostRows;
}

}  // namespace

bool faster_dense(const DenseShape& s, bool numbers) noexcept {
  const I64 pixels = s.batch * s.out_height * s.out_width;
  if (numbers && pixels * s.out_channels > kFarResults) return false;
  if (s.kernel_h != 1 || s.kernel_w != 1) return s.out_height * s.out_width > 1 && taps_of(s) * s.out_channels <= kNearBytes;
  return s.stride_h == 1 && s.stride_w == 1 && s.top == 0 && s.left == 0;
}

std::optional<Dense8> plan_dense8(const DenseGroup& g) {
  if (!has_vnni() || !is_packable(g)) return std::nullopt;
  Dense8 p;
  p.shape = g.shape;
  p.signed_input = g.signed_input;
  p.out = g.out;
  p.out_zero = g.out_zero;
  p.residual = g.residual, p.residual_scale = g.residual_scale;
  p.in_order = g.out == DenseOut::F32 || g.residual == DenseResidual::F32;
  const bool unsigned_residual = g.residual == DenseResidual::None || g.residual == DenseResidual::U8;
  p.plain = unsigned_residual && !g.signed_input && g.out == DenseOut::U8 && g.out_zero == 0;
  for (I64 c = 0; c < g.shape.out_channels; ++c) p.plain = p.plain && g.low[c] <= 0.0f;
  if (!choose_rows(p)) return std::nullopt;
  p.pad.assign(static_cast<std::size_t>(p.row_bytes), static_cast<std::byte>(g.input_zero));
  const I64 vectors = choose_vectors(g.shape.out_channels);
  const I64 width = p.points ? g.shape.batch * g.shape.height * g.shape.width : g.shape.out_width;
  for (I64 first = 0; first < g.shape.out_channels; first += vectors * kLanes) {
    DenseBlock b;
    b.first = first;
    b.channels = std::min(vectors * kLanes, g.shape.out_channels - first);
    b.vectors = ceil_div(b.channels, kLanes);
    b.pixels = choose_pixels(b.vectors, width);
    b.weights = p.weight_bytes;
    p.weight_bytes += b.vectors * kLanes * taps_of(g.shape);
    set_constants(b, g, p.in_order);
    p.blocks.push_back(b);
  }
  return p;
}

void pack_dense8(const Dense8& p, const std::int8_t* weights, std::byte* packed) noexcept {
  const DenseShape& s = p.shape;
  const I64 run = s.kernel_w * s.channels;
  for (const DenseBlock& b : p.blocks) {
    std::byte* to = packed + b.weights;
    for (I64 ky = 0; ky < s.kernel_h; ++ky)
      for (I64 unit = 0; unit < run / 4; ++unit)
        for (I64 place = 0; place < b.vectors * kLanes; ++place)
          for (I64 i = 0; i < 4; ++i, ++to) {
            const I64 inside = channel_at(b.vectors, place, p.in_order);
            const I64 kx = (4 * unit + i) / s.channels, in = (4 * unit + i) % s.channels;
            const I64 from = (((b.first + inside) * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx;
            *to = inside < b.channels ? static_cast<std::byte>(weights[from]) : std::byte{0};
          }
  }
}

void dense8(const Dense8& p, const DenseOperands& operands) noexcept {
  parallel_for(operands.shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share) Worker(p, operands, static_cast<int>(share)).run();
  });
}

}  // namespace inc::kernels
