#include "kernels/stem/stem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/base/parallel.h"
#include "kernels/stem/variant.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kMostTaps = 65000;  // sums of products of u8 and s8 stay within int32
constexpr I64 kMostRows = 128;    // under a window
constexpr float kMost = 1 << 30;  // of a scaled sum: it fits int32
constexpr I64 kSegment = 512;
constexpr I64 kSlack = 64;  // bytes behind a row that a unit may reach into

I64 round_up(I64 value, I64 to) {
  return (value + to - 1) / to * to;
}

/// The next one: remainders by it take no division.
I64 power_of_two(I64 value) {
  I64 power = 1;
  while (power < value) power *= 2;
  return power;
}

template <class T>
T* room(std::vector<StemLine>& lines, I64 count) {
  lines.assign(static_cast<std::size_t>(round_up(count * static_cast<I64>(sizeof(T)), 64) / 64), {});
  return reinterpret_cast<T*>(lines.data());
}

template <class T>
const T* data(const std::vector<StemLine>& lines) {
  return reinterpret_cast<const T*>(lines.data());
}

StemVariant choose() {
  if (has_vnni()) return avx512vnni::stem_variant();
  switch (isa()) {
    case Isa::Baseline:
      return baseline::stem_variant();
    case Isa::Avx2:
      return avx2::stem_variant();
    case Isa::Avx512:
      return avx512::stem_variant();
  }
  return {};
}

I64 taps_of(const StemShape& s) {
  return s.channels * s.kernel_h * s.kernel_w;
}

bool is_packable(const StemGroup& g) {
  const I64 taps = taps_of(g.shape);
  if (taps > kMostTaps || g.shape.kernel_h > kMostRows) return false;
  for (I64 c = 0; c < g.shape.out_channels; ++c) {
    float sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += static_cast<float>(std::abs(g.weights[c * taps + t]));
    if (!(255.0f * sum * std::abs(g.scale[c]) + std::abs(g.shift[c]) < kMost)) return false;
  }
  return true;
}

/// As many whole vectors as a tile takes, then what is left.
void choose_blocks(Stem8& p, const StemVariant& v) {
  I64 most = 1;
  while (most < kStemVectors && v.most_pixels[most] > 0) ++most;
  I64 weights = 0, place = 0;
  for (I64 first = 0; first < p.shape.out_channels; first += most * v.lanes) {
    StemBlock b;
    b.first = first;
    b.channels = std::min(most * v.lanes, p.shape.out_channels - first);
    b.vectors = (b.channels + v.lanes - 1) / v.lanes;
    const I64 pixels = v.most_pixels[b.vectors - 1], tiles = (p.segment + pixels - 1) / pixels;
    b.pixels = (p.segment + tiles - 1) / tiles;
    b.weights = weights;
    b.place = place;
    weights += p.shape.kernel_h * p.units * b.vectors * v.lanes * 4;
    place += round_up(b.vectors * v.lanes, 16);
    p.blocks.push_back(b);
  }
}

template <class T>
void pack_weights(Stem8& p, const StemGroup& g, I64 lanes) {
  const StemShape& s = p.shape;
  constexpr I64 kPerUnit = 4 / static_cast<I64>(sizeof(T));
  const StemBlock& last = p.blocks.back();
  T* all =
      room<T>(p.weights, (last.weights + s.kernel_h * p.units * last.vectors * lanes * 4) / static_cast<I64>(sizeof(T)));
  for (const StemBlock& b : p.blocks) {
    T* to = all + b.weights / static_cast<I64>(sizeof(T));
    for (I64 ky = 0; ky < s.kernel_h; ++ky)
      for (I64 u = 0; u < p.units; ++u)
        for (I64 c = 0; c < b.vectors * lanes; ++c)
          for (I64 i = 0; i < kPerUnit; ++i, ++to) {
            const I64 kx = (u * kPerUnit + i) / s.channels, in = (u * kPerUnit + i) % s.channels;
            if (c < b.channels && kx < s.kernel_w)
              *to = g.weights[(((b.first + c) * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx];
          }
  }
}

std::int32_t bound(float value, std::int32_t zero) {
  const float low = static_cast<float>(-zero), high = static_cast<float>(255 - zero);
  return static_cast<std::int32_t>(std::nearbyint(std::clamp(value, low, high)));
}

void pack_constants(Stem8& p, const StemGroup& g, I64 lanes) {
  const I64 places = p.blocks.back().place + round_up(p.blocks.back().channels, 64), taps = taps_of(p.shape);
  const std::int32_t zero = p.out_zero + (p.out == StemOut::S8 ? 128 : 0);
  auto* init = room<std::int32_t>(p.init, places);
  auto *scale = room<float>(p.scale, places), *shift = room<float>(p.shift, places);
  auto *low = room<float>(p.low, places), *high = room<float>(p.high, places);
  auto *low8 = reinterpret_cast<std::int32_t*>(low), *high8 = reinterpret_cast<std::int32_t*>(high);
  const auto blocks = static_cast<I64>(p.blocks.size());
  auto *low_bytes = room<std::uint8_t>(p.low8, 64 * blocks), *high_bytes = room<std::uint8_t>(p.high8, 64 * blocks);
  for (const StemBlock& b : p.blocks)
    for (I64 i = 0; i < b.channels; ++i) {
      const I64 c = b.first + i, at = b.place + i;
      std::int32_t sum = 0;
      for (I64 t = 0; t < taps; ++t) sum += g.weights[c * taps + t];
      init[at] = p.number_bytes == 1 ? -p.input_zero * sum : 0;
      scale[at] = g.scale[c];
      shift[at] = g.shift[c];
      if (p.out == StemOut::F32)
        low[at] = g.low[c], high[at] = g.high[c];
      else
        low8[at] = bound(g.low[c], zero), high8[at] = bound(g.high[c], zero);
    }
  if (p.out == StemOut::F32) return;
  for (I64 i = 0; i < 64 * blocks; ++i) {
    const StemBlock& b = p.blocks[static_cast<std::size_t>(i / 64)];
    const I64 at = b.place + i % 64 % (b.vectors * lanes);
    low_bytes[i] = static_cast<std::uint8_t>(low8[at] + zero), high_bytes[i] = static_cast<std::uint8_t>(high8[at] + zero);
  }
}

/// Input rows for a segment of output columns, made when first wanted and kept while windows need them.
class Rows {
 public:
  Rows(const Stem8& p, const std::byte* bytes, const float* floats, float scale, std::byte* scratch)
      : p_(p), bytes_(bytes), floats_(floats), scale_(scale), scratch_(scratch), pad_(scratch + p.slots * p.row_bytes) {
    raw_ = reinterpret_cast<std::uint8_t*>(pad_ + p.row_bytes);
    held_.fill(-1);
    const I64 count = p.row_bytes / p.number_bytes;
    std::memset(raw_, p.input_zero, static_cast<std::size_t>(count));
    p.place(raw_, 0, pad_, count, p.input_zero);
  }

  /// The row of padding for y outside the image.
  const std::byte* at(I64 image, I64 segment, I64 segments, I64 y) {
    const StemShape& s = p_.shape;
    if (y < 0 || y >= s.height) return pad_;
    const I64 slot = y & (p_.slots - 1), key = (image * segments + segment) * s.height + y;
    std::byte* row = scratch_ + slot * p_.row_bytes;
    I64& held = held_[static_cast<std::size_t>(slot)];
    if (held != key) make(row, image, segment, y);
    held = key;
    return row;
  }

 private:
  void make(std::byte* row, I64 image, I64 segment, I64 y) {
    const StemShape& s = p_.shape;
    const I64 columns = (p_.segment - 1) * s.stride_w + s.kernel_w, x0 = segment * p_.segment * s.stride_w - s.left;
    const I64 from = std::clamp<I64>(x0, 0, s.width), to = std::clamp<I64>(x0 + columns, from, s.width);
    std::uint8_t* raw = p_.number_bytes == 1 ? reinterpret_cast<std::uint8_t*>(row) : raw_;
    const bool turn = floats_ == nullptr && p_.signed_input;
    const int zero = turn ? p_.input_zero ^ 128 : p_.input_zero;
    const I64 lead = std::min(columns, from - x0) * s.channels, count = (to - from) * s.channels;
    std::memset(raw, zero, static_cast<std::size_t>(lead));
    if (floats_ != nullptr) {
      const float* first = floats_ + (image * s.channels * s.height + y) * s.width + from;
      quantize_pixel_run(first, reinterpret_cast<std::byte*>(raw + lead), to - from, s.channels, s.height * s.width,
                         {scale_, p_.input_zero, false});
    } else {
      const std::byte* first = bytes_ + ((image * s.height + y) * s.width + from) * s.channels;
      std::memcpy(raw + lead, first, static_cast<std::size_t>(count));
    }
    const I64 behind = columns * s.channels - lead - count;
    std::memset(raw + lead + count, zero, static_cast<std::size_t>(behind));
    if (p_.number_bytes == 2 || turn) p_.place(raw, turn ? 128 : 0, row, columns * s.channels, p_.input_zero);
  }

  const Stem8& p_;
  const std::byte* bytes_;
  const float* floats_;
  float scale_;
  std::byte *scratch_, *pad_;
  std::uint8_t* raw_;
  std::array<I64, kMostRows> held_;
};

void run_rows(const Stem8& p, Rows& rows, std::byte* dst, I64 begin, I64 end) {
  const StemShape& s = p.shape;
  const I64 segments = (s.out_width + p.segment - 1) / p.segment, number = p.out == StemOut::F32 ? 4 : 1;
  std::array<const std::byte*, kMostRows> under{};
  for (I64 i = begin; i < end; ++i) {
    const I64 oy = i % s.out_height, segment = i / s.out_height % segments, image = i / s.out_height / segments;
    for (I64 k = 0; k < s.kernel_h; ++k)
      under[static_cast<std::size_t>(k)] = rows.at(image, segment, segments, oy * s.stride_h - s.top + k * s.dilation_h);
    StemRow r;
    r.rows = under.data();
    r.kernel_h = s.kernel_h;
    r.units = p.units;
    r.pixel_bytes = s.stride_w * s.channels * p.number_bytes;
    r.width = std::min(p.segment, s.out_width - segment * p.segment);
    r.dst_bytes = s.out_channels * number;
    r.out = p.out;
    r.out_zero = p.out_zero;
    r.flip = p.out == StemOut::S8 ? 128 : 0;
    r.plain = p.plain;
    std::byte* to = dst + ((image * s.out_height + oy) * s.out_width + segment * p.segment) * r.dst_bytes;
    for (const StemBlock& b : p.blocks) {
      r.vectors = b.vectors;
      r.pixels = std::min(b.pixels, r.width);
      r.weights = data<std::byte>(p.weights) + b.weights;
      r.init = data<std::int32_t>(p.init) + b.place;
      r.scale = data<float>(p.scale) + b.place;
      r.shift = data<float>(p.shift) + b.place;
      r.low = data<float>(p.low) + b.place;
      r.high = data<float>(p.high) + b.place;
      r.low8 = data<std::uint8_t>(p.low8) + 64 * (&b - p.blocks.data());
      r.high8 = data<std::uint8_t>(p.high8) + 64 * (&b - p.blocks.data());
      r.dst = to + b.first * number;
      r.channels = b.channels;
      p.row(r);
    }
  }
}

void run(const Stem8& p, const std::byte* bytes, const float* floats, float scale, std::byte* dst, std::byte* scratch,
         int shares) noexcept {
  const StemShape& s = p.shape;
  const I64 tasks = s.batch * ((s.out_width + p.segment - 1) / p.segment) * s.out_height;
  parallel_for(shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share) {
      Rows rows(p, bytes, floats, scale, scratch + share * p.scratch_bytes);
      run_rows(p, rows, dst, tasks * share / shares, tasks * (share + 1) / shares);
    }
  });
}

}  // namespace

std::optional<Stem8> pack_stem8(const StemGroup& g) {
  if (!is_packable(g)) return std::nullopt;
  const StemVariant variant = choose();
  const StemShape& s = g.shape;
  Stem8 p;
  p.shape = s;
  p.signed_input = g.signed_input;
  p.out = g.out;
  p.input_zero = g.input_zero + (g.signed_input ? 128 : 0);
  p.out_zero = g.out_zero;
  p.plain = g.out == StemOut::U8 && g.out_zero == 0;
  for (I64 c = 0; c < s.out_channels; ++c) p.plain = p.plain && g.low[c] <= 0.0f;
  p.isa = has_vnni() ? "avx512_core_vnni" : isa_name();
  p.row = variant.row;
  p.place = variant.place;
  p.number_bytes = variant.bytes ? 1 : 2;
  p.units = round_up(s.kernel_w * s.channels * p.number_bytes, 4) / 4;
  p.segment = std::min(s.out_width, kSegment);
  p.slots = power_of_two((s.kernel_h - 1) * s.dilation_h + 1);
  if (p.slots > kMostRows) return std::nullopt;
  const I64 columns = (p.segment - 1) * s.stride_w + s.kernel_w;
  p.row_bytes = round_up((columns * s.channels + kSlack) * p.number_bytes, 64);
  p.scratch_bytes = (p.slots + 2) * p.row_bytes;
  choose_blocks(p, variant);
  if (variant.bytes)
    pack_weights<std::int8_t>(p, g, variant.lanes);
  else
    pack_weights<std::int16_t>(p, g, variant.lanes);
  pack_constants(p, g, variant.lanes);
  return p;
}

void stem8(const Stem8& p, const std::byte* src, std::byte* dst, std::byte* scratch, int shares) noexcept {
  run(p, src, nullptr, 1.0f, dst, scratch, shares);
}

void stem8(const Stem8& p, const float* src, float scale, std::byte* dst, std::byte* scratch, int shares) noexcept {
  run(p, nullptr, src, scale, dst, scratch, shares);
}

}  // namespace inc::kernels
