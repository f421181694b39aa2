#include "kernels/stem32/stem32.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/parallel.h"
#include "kernels/stem32/variant.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kAhead = 4;       // rows that are fetched: the image comes from memory, which took a sixth of the time
constexpr I64 kMostRows = 128;  // of channels, under a window

I64 round_up(I64 value, I64 to) {
  return (value + to - 1) / to * to;
}

I64 power_of_two(I64 value) {
  I64 power = 1;
  while (power < value) power *= 2;
  return power;
}

I64 rows_of(const StemShape& s) {
  return s.kernel_h * s.channels;
}

/// Rows of one share's part of the work, with their padding, kept while windows need them.
class Rows {
 public:
  Rows(const Stem32& p, const std::byte* src, std::byte* scratch)
      : p_(p), src_(src), rows_(reinterpret_cast<float*>(scratch)), pad_(rows_ + p.slots * p.shape.channels * p.row) {
    held_.fill(-1);
    std::fill(rows_, pad_ + p.row, 0.0f);
  }

  /// The first channel's; each of the others is `step` numbers behind the one before.
  const float* at(I64 image, I64 y, I64& step) noexcept {
    const StemShape& s = p_.shape;
    step = 0;
    if (y < 0 || y >= s.height) return pad_;
    step = p_.row;
    const I64 slot = y & (p_.slots - 1), key = image * s.height + y;
    float* row = rows_ + slot * s.channels * p_.row;
    I64& held = held_[static_cast<std::size_t>(slot)];
    if (held != key)
      for (I64 c = 0; c < s.channels; ++c) copy(((image * s.channels + c) * s.height + y) * s.width, row + c * p_.row);
    held = key;
    return row;
  }

 private:
  void copy(I64 from, float* row) noexcept {
    const StemShape& s = p_.shape;
    const I64 number = p_.bf16 ? 2 : 4, last = (s.batch * s.channels * s.height - 1) * s.width;
    const std::byte* ahead = src_ + number * std::min(from + kAhead * s.width, last);
    for (I64 i = 0; i < number * s.width; i += 64) __builtin_prefetch(ahead + i);
    const I64 before = std::min(s.left, p_.row), count = std::min(s.width, p_.row - before);
    if (p_.bf16)
      INC_KERNEL_CALL(widen_stem32, src_ + 2 * from, row + before, count);
    else
      std::memcpy(row + before, src_ + 4 * from, static_cast<std::size_t>(4 * count));
  }

  const Stem32& p_;
  const std::byte* src_;
  float *rows_, *pad_;
  std::array<I64, kMostRows> held_;
};

void run_rows(const Stem32& p, const Stem32Operands& o, std::byte* scratch, I64 begin, I64 end) {
  const StemShape& s = p.shape;
  Rows rows(p, o.src, scratch);
  std::array<const float*, kMostRows> under{};
  const I64 number = p.bf16 ? 2 : 4;
  for (I64 i = begin; i < end; ++i) {
    const I64 oy = i % s.out_height, image = i / s.out_height;
    for (I64 k = 0; k < s.kernel_h; ++k) {
      I64 step = 0;
      const float* row = rows.at(image, oy * s.stride_h - s.top + k * s.dilation_h, step);
      for (I64 c = 0; c < s.channels; ++c) under[static_cast<std::size_t>(k * s.channels + c)] = row + c * step;
    }
    Stem32Run r;
    r.rows = under.data(), r.row_count = rows_of(s);
    r.kernel_w = s.kernel_w, r.stride_w = s.stride_w, r.width = s.out_width, r.step = s.out_channels * number;
    r.low = o.low, r.high = o.high, r.bf16 = p.bf16;
    for (I64 c = 0; c < s.out_channels; c += kStem32Panel) {
      r.channels = std::min(kStem32Panel, s.out_channels - c);
      r.weights = o.packed + c * rows_of(s) * s.kernel_w, r.bias = o.bias + c;
      r.dst = o.dst + i * s.out_width * r.step + c * number;
      INC_KERNEL_CALL(run_stem32, r);
    }
  }
}

}  // namespace

bool faster_stem32(const StemShape& s) noexcept {
  if (isa() == Isa::Baseline || (isa() == Isa::Avx512 && s.out_channels > kStem32Lanes)) return false;
  return s.channels <= kStemChannels && rows_of(s) <= kMostRows && (s.kernel_h - 1) * s.dilation_h < kMostRows;
}

Stem32 plan_stem32(const StemShape& s, bool bf16) noexcept {
  Stem32 p;
  p.shape = s;
  p.bf16 = bf16;
  p.lanes = round_up(s.out_channels, kStem32Lanes);
  p.row = round_up((s.out_width - 1) * s.stride_w + s.kernel_w, 16);
  p.slots = power_of_two((s.kernel_h - 1) * s.dilation_h + 1);
  p.weight_count = rows_of(s) * s.kernel_w * p.lanes;
  p.scratch_bytes = (p.slots * s.channels + 1) * p.row * 4;
  return p;
}

/// [panel][row of the window][input channel][column][output channel]
void pack_stem32(const Stem32& p, const float* weights, float* packed) noexcept {
  const StemShape& s = p.shape;
  std::fill(packed, packed + p.weight_count, 0.0f);
  for (I64 first = 0; first < p.lanes; first += kStem32Panel) {
    const I64 lanes = std::min(kStem32Panel, p.lanes - first), channels = std::min(lanes, s.out_channels - first);
    for (I64 ky = 0; ky < s.kernel_h; ++ky)
      for (I64 in = 0; in < s.channels; ++in)
        for (I64 kx = 0; kx < s.kernel_w; ++kx, packed += lanes)
          for (I64 c = 0; c < channels; ++c)
            packed[c] = weights[(((first + c) * s.channels + in) * s.kernel_h + ky) * s.kernel_w + kx];
  }
}

void stem32(const Stem32& p, const Stem32Operands& o) noexcept {
  const I64 tasks = p.shape.batch * p.shape.out_height;
  parallel_for(o.shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share)
      run_rows(p, o, o.scratch + share * p.scratch_bytes, tasks * share / o.shares, tasks * (share + 1) / o.shares);
  });
}

}  // namespace inc::kernels
