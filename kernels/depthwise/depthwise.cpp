#include "kernels/depthwise/depthwise.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/base/parallel.h"
#include "kernels/depthwise/variant.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kMostTaps = 250;    // sums and their parts stay below 2^24
constexpr float kMost = 1 << 30;  // of a scaled sum: it fits int32
constexpr I64 kLeastPixels = 64;  // of a share; with fewer, shares are of channels, as in kernels/dense
constexpr I64 kTasks = 4;         // of a share, where blocks are many enough

template <class T>
T* room(std::vector<DepthwiseLine>& lines, I64 count) {
  lines.assign((static_cast<std::size_t>(count) * sizeof(T) + sizeof(DepthwiseLine) - 1) / sizeof(DepthwiseLine), {});
  return reinterpret_cast<T*>(lines.data());
}

template <class T = std::byte>
const T* data(const std::vector<DepthwiseLine>& lines) {
  return reinterpret_cast<const T*>(lines.data());
}

DepthwiseVariant choose(const DepthwiseGroup& g) {
  switch (isa()) {
    case Isa::Baseline:
      return baseline::depthwise_variant(g);
    case Isa::Avx2:
      return avx2::depthwise_variant(g);
    case Isa::Avx512:
      return avx512::depthwise_variant(g);
  }
  return {};
}

/// Whole vectors; what is left in the narrowest parts that hold it, over channels that others hold too where there are any.
std::vector<DepthwisePart> parts_of(I64 channels, I64 lanes) {
  std::vector<DepthwisePart> parts;
  const auto add = [&](I64 first, int strips) {
    const I64 width = lanes / strips;
    if (first + width > channels) first = channels > width ? channels - width : 0;
    parts.push_back({first, channels < width ? channels : width, strips});
  };
  I64 first = 0;
  for (; first + lanes <= channels; first += lanes) add(first, 1);
  const I64 rest = channels - first;
  if (rest > 3 * lanes / 4)
    add(first, 1);
  else if (rest > lanes / 4)
    add(first, 2);
  if (rest > lanes / 2 && rest <= 3 * lanes / 4) add(first + lanes / 2, 4);
  if (rest > 0 && rest <= lanes / 4) add(first, 4);
  return parts;
}

/// What the inputs are seen as, and what is turned to see them so: quads take u8 numbers only.
std::int32_t shifted_zero(const DepthwiseGroup& g, DepthwiseForm form) {
  return g.input_zero + (form == DepthwiseForm::Quads && g.signed_input ? 128 : 0);
}

I64 first_channel(const Depthwise8& p, I64 block) {
  return block + 1 < p.blocks || p.shape.channels < p.lanes ? block * p.lanes : p.shape.channels - p.lanes;
}

/// The channel behind each place of a block, or more than there are: quads come out of the interleaving in groups of four,
/// and those of several strips repeat.
I64 channel_at(const Depthwise8& p, DepthwiseForm form, I64 block, I64 place) {
  if (form != DepthwiseForm::Quads) return first_channel(p, block) + place;
  const DepthwisePart& part = p.parts[static_cast<std::size_t>(block)];
  const I64 j = place / 16, lane = place % 16 / 4, i = place % 4;
  const I64 inside = (16 * lane + 4 * j + i) % (p.lanes / part.strips);
  return inside < part.channels ? part.first + inside : p.shape.channels;
}

/// The channel behind each byte of a block of results.
I64 byte_channel_at(const Depthwise8& p, DepthwiseForm form, I64 block, I64 place) {
  if (form != DepthwiseForm::Quads) return first_channel(p, block) + place;
  const DepthwisePart& part = p.parts[static_cast<std::size_t>(block)];
  const I64 inside = place % (p.lanes / part.strips);
  return inside < part.channels ? part.first + inside : p.shape.channels;
}

void pack_taps(Depthwise8& p, const DepthwiseGroup& g) {
  const I64 taps = g.shape.kernel_h * g.shape.kernel_w;
  p.weight_lines = (taps * p.lanes * 4 + 63) / 64;
  auto* to = room<float>(p.weights, p.blocks * p.weight_lines * 16);
  for (I64 b = 0; b < p.blocks; ++b)
    for (I64 t = 0; t < taps; ++t)
      for (I64 i = 0; i < p.lanes; ++i)
        to[b * p.weight_lines * 16 + t * p.lanes + i] = g.weights[(first_channel(p, b) + i) * taps + t];
}

/// [block][output row of two][pair of window rows][column][channel][input row]
void pack_pairs(Depthwise8& p, const DepthwiseGroup& g) {
  const I64 kh = g.shape.kernel_h, kw = g.shape.kernel_w, rows = g.shape.stride_h == 1 ? 2 : 1;
  p.weight_lines = (rows * p.slots * kw * p.lanes * 4 + 63) / 64;
  auto* all = room<std::int16_t>(p.weights, p.blocks * p.weight_lines * 32);
  for (I64 b = 0; b < p.blocks; ++b) {
    std::int16_t* to = all + b * p.weight_lines * 32;
    for (I64 r = 0; r < rows; ++r)
      for (I64 y = 0; y < p.slots; ++y)
        for (I64 kx = 0; kx < kw; ++kx)
          for (I64 i = 0; i < 2 * p.lanes; ++i, ++to) {
            const I64 c = first_channel(p, b) + i / 2, ky = 2 * y + i % 2 - r;
            if (ky >= 0 && ky < kh) *to = g.weights[(c * kh + ky) * kw + kx];
          }
  }
}

/// [block][16 channels][column of the window][output row of the strip][channel][input row]
void pack_quads(Depthwise8& p, const DepthwiseGroup& g) {
  constexpr I64 kSize = 3;
  p.weight_lines = 4 * kSize * p.rows;
  auto* to = room<std::int8_t>(p.weights, p.blocks * p.weight_lines * 64);
  for (I64 b = 0; b < p.blocks; ++b)
    for (I64 j = 0; j < 4; ++j)
      for (I64 kx = 0; kx < kSize; ++kx)
        for (I64 r = 0; r < p.rows; ++r, to += 64)
          for (I64 i = 0; i < 64; ++i) {
            const I64 c = channel_at(p, DepthwiseForm::Quads, b, 16 * j + i / 4), ky = i % 4 - r;
            if (c < g.shape.channels && ky >= 0 && ky < kSize) to[i] = g.weights[(c * kSize + ky) * kSize + kx];
          }
}

std::uint8_t bound(float value, std::int32_t zero) {
  const float low = static_cast<float>(-zero), high = static_cast<float>(255 - zero);
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(std::clamp(value, low, high))) + zero);
}

void pack_constants(Depthwise8& p, const DepthwiseGroup& g, DepthwiseForm form) {
  const I64 taps = g.shape.kernel_h * g.shape.kernel_w, places = p.blocks * p.lanes;
  const bool real = p.out == DepthwiseOut::F32;
  auto* init = room<float>(p.init, places);
  auto* init_integer = reinterpret_cast<std::int32_t*>(init);
  auto *scale = room<float>(p.scale, places), *shift = room<float>(p.shift, places);
  auto *low = room<float>(p.low, places), *high = room<float>(p.high, places);
  auto *low8 = reinterpret_cast<std::uint8_t*>(low), *high8 = reinterpret_cast<std::uint8_t*>(high);
  for (I64 i = 0; i < places; ++i) {
    const I64 c = channel_at(p, form, i / p.lanes, i % p.lanes),
              natural = byte_channel_at(p, form, i / p.lanes, i % p.lanes);
    if (natural < g.shape.channels && real) low[i] = g.low[natural], high[i] = g.high[natural];
    if (natural < g.shape.channels && !real)
      low8[i] = bound(g.low[natural], p.out_zero), high8[i] = bound(g.high[natural], p.out_zero);
    if (c >= g.shape.channels) continue;
    std::int32_t sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += g.weights[c * taps + t];
    if (form != DepthwiseForm::Taps)
      init_integer[i] = -p.input_zero * sum;
    else
      init[i] = static_cast<float>(-p.input_zero * sum);
    scale[i] = g.scale[c];
    shift[i] = g.shift[c];
  }
}

bool is_packable(const DepthwiseGroup& g) {
  const I64 taps = g.shape.kernel_h * g.shape.kernel_w;
  if (taps > kMostTaps) return false;
  for (I64 c = 0; c < g.shape.channels; ++c) {
    float sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += static_cast<float>(std::abs(g.weights[c * taps + t]));
    if (!(255.0f * sum * std::abs(g.scale[c]) + std::abs(g.shift[c]) < kMost)) return false;
  }
  return true;
}

}  // namespace

std::optional<Depthwise8> pack_depthwise8(const DepthwiseGroup& g) {
  if (!is_packable(g)) return std::nullopt;
  DepthwiseVariant variant;
  if (has_vnni()) variant = avx512vnni::depthwise_variant(g);
  const bool vnni = variant.sweep != nullptr;
  if (!vnni) variant = choose(g);
  Depthwise8 p;
  p.shape = g.shape;
  p.signed_input = g.signed_input;
  p.out = g.out;
  p.input_zero = shifted_zero(g, variant.form);
  p.out_zero = g.out_zero + (g.out == DepthwiseOut::S8 ? 128 : 0);
  p.sweep = variant.sweep;
  p.lanes = variant.lanes;
  p.rows = variant.rows;
  if (variant.form == DepthwiseForm::Quads) p.parts = parts_of(g.shape.channels, p.lanes);
  for (const DepthwisePart& part : p.parts) p.strips = std::max<I64>(p.strips, part.strips);
  p.blocks = p.parts.empty() ? (g.shape.channels + p.lanes - 1) / p.lanes : static_cast<I64>(p.parts.size());
  p.blocks_at_once = variant.blocks;
  p.slots = variant.slots;
  p.scratch_width = variant.scratch_width;
  p.scratch_bytes = (variant.scratch_bytes + 63) / 64 * 64;
  p.isa = vnni ? "avx512_core_vnni" : isa_name();
  if (variant.form == DepthwiseForm::Quads) pack_quads(p, g);
  if (variant.form == DepthwiseForm::Pairs) pack_pairs(p, g);
  if (variant.form == DepthwiseForm::Taps) pack_taps(p, g);
  pack_constants(p, g, variant.form);
  const I64 row = g.shape.width * g.shape.channels;
  auto* pad = room<std::uint8_t>(p.pad, row + 64);
  std::fill(pad, pad + row + 64, static_cast<std::uint8_t>(g.input_zero));
  return p;
}

void depthwise8(const Depthwise8& p, const std::byte* src, std::byte* dst, std::byte* scratch, int shares) noexcept {
  DepthwiseJob job;
  job.shape = p.shape;
  job.src = src;
  job.dst = dst;
  job.weights = data(p.weights);
  job.init = data(p.init);
  job.pad = data(p.pad);
  job.scale = data<float>(p.scale);
  job.shift = data<float>(p.shift);
  job.low = data(p.low);
  job.high = data(p.high);
  job.weight_bytes = p.weight_lines * 64;
  job.blocks = p.blocks;
  job.rows = p.rows;
  job.strips = p.strips;
  job.parts = p.parts.data();
  job.slots = p.slots;
  job.scratch_width = p.scratch_width;
  job.input_zero = p.input_zero;
  job.out_zero = p.out_zero;
  job.flip_in = p.signed_input ? 128 : 0;
  job.flip_out = p.out == DepthwiseOut::S8 ? 128 : 0;
  job.real = p.out == DepthwiseOut::F32;
  const DepthwiseShape& s = p.shape;
  const I64 strips = s.batch * ((s.out_height + p.rows - 1) / p.rows);
  const I64 calls = (strips + p.strips - 1) / p.strips;
  I64 at_once = p.blocks_at_once;
  const auto parts_by = [&](I64 blocks) { return (p.blocks + blocks - 1) / blocks; };
  while (shares > 1 && at_once > 1 && calls * parts_by(at_once) < kTasks * shares) at_once /= 2;
  const I64 parts = parts_by(at_once), tasks = calls * parts;
  const bool by_rows = s.batch * s.out_height * s.out_width >= kLeastPixels * shares;
  parallel_for(shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share)
      for (I64 i = tasks * share / shares; i < tasks * (share + 1) / shares; ++i) {
        const I64 call = by_rows ? i / parts : i % calls, part = by_rows ? i % parts : i / calls;
        const I64 begin = part * at_once;
        p.sweep(job, call, begin, std::min(begin + at_once, p.blocks), scratch + share * p.scratch_bytes);
      }
  });
}

}  // namespace inc::kernels
