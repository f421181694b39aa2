#include "kernels/dense32/dense32.h"

#include <algorithm>
#include <array>

#include "core/base/parallel.h"
#include "kernels/dense32/variant.h"
#include "kernels/isa.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kPanel = 2 * kDense32Lanes;
constexpr I64 kMostBlock = 768;         // numbers of a row: a panel of weights stays in the second-level cache
constexpr I64 kBandNumbers = 48 << 10;  // of a block of rows: they do too, with 256 KB of it
constexpr I64 kMostBand = 128;
constexpr I64 kFarNumbers = 256 << 10;  // as many leave that cache
constexpr I64 kLeastChannels = 32, kLeastRows = 6, kLeastDepth = 64, kLeastBesideResidual = 512;
constexpr I64 kPackedRows = 16;  // of weights: a line of each output channel that lies by itself

I64 ceil_div(I64 a, I64 b) {
  return (a + b - 1) / b;
}

I64 vectors_of(const Dense32& p) {
  return ceil_div(p.shape.out_channels, kDense32Lanes);
}

I64 panels_of(const Dense32& p) {
  return std::max<I64>(vectors_of(p) / 2, 1);
}

/// Lanes of all panels before one: two vectors each, but for the last one of an odd number.
I64 lanes_before(const Dense32& p, I64 panel) {
  return panel == panels_of(p) ? vectors_of(p) * kDense32Lanes : panel * kPanel;
}

/// Output pixels are input pixels.
bool in_line(const StemShape& s) {
  return s.out_height == s.height && s.out_width == s.width;
}

const float* row_at(const Dense32& p, const float* src, I64 row) {
  const StemShape& s = p.shape;
  if (in_line(s)) return src + row * s.channels;
  const I64 x = row % s.out_width, y = row / s.out_width % s.out_height, image = row / s.out_width / s.out_height;
  return src + ((image * s.height + y * s.stride_h) * s.width + x * s.stride_w) * s.channels;
}

/// Rows and panels of one share.
struct Part {
  I64 row_begin, row_end, panel_begin, panel_end;
};

Part part_of(const Dense32& p, I64 share, I64 shares) {
  const I64 panels = panels_of(p);
  const auto cut = [&](I64 count, I64 at) { return count * at / shares; };
  if (p.rows >= p.shape.out_channels) return {cut(p.rows, share), cut(p.rows, share + 1), 0, panels};
  return {0, p.rows, cut(panels, share), cut(panels, share + 1)};
}

/// Rows of the next band, some with every panel of this one.
struct Later {
  const std::byte* at = nullptr;
  I64 step = 0, bytes = 0;

  Later(const Dense32& p, const float* src, const Part& part, I64 end, I64 runs) {
    if (!in_line(p.shape) || p.rows * p.depth < kFarNumbers) return;
    at = reinterpret_cast<const std::byte*>(row_at(p, src, end));
    bytes = std::min(p.band, part.row_end - end) * p.depth * 4;
    step = ceil_div(ceil_div(bytes, runs), 64) * 64;
  }
  void give(Dense32Run& r) noexcept {
    r.later = at, r.later_bytes = std::min(step, bytes);
    at += r.later_bytes, bytes -= r.later_bytes;
  }
};

void run_band(const Dense32& p, const Dense32Operands& o, const Part& part, I64 begin, I64 end) {
  const I64 out = p.shape.out_channels, panels = part.panel_end - part.panel_begin;
  Later later(p, o.src, part, end, ceil_div(p.depth, p.block) * panels);
  std::array<const float*, kMostBand> rows;
  for (I64 i = begin; i < end; ++i) rows[static_cast<std::size_t>(i - begin)] = row_at(p, o.src, i);
  for (I64 at = 0; at < p.depth; at += p.block) {
    Dense32Run r;
    r.rows = rows.data(), r.count = end - begin, r.step = out, r.far = p.rows * out >= kFarNumbers;
    r.depth = std::min(p.block, p.depth - at);
    const bool first = at == 0, last = at + r.depth == p.depth;
    if (last) r.low = o.low, r.high = o.high, r.slope = o.slope;
    const float *adds = first ? o.residual : o.dst, *bias = first ? o.bias : nullptr;
    const float* weights = o.packed + at * lanes_before(p, panels_of(p));
    for (I64 panel = part.panel_begin; panel < part.panel_end; ++panel) {
      const I64 c = panel * kPanel, offset = begin * out + c;
      r.weights = weights + lanes_before(p, panel) * r.depth;
      r.channels = std::min(lanes_before(p, panel + 1), out) - c;
      r.dst = o.dst + offset;
      r.bias = bias == nullptr ? nullptr : bias + c;
      r.adds = adds == nullptr ? nullptr : adds + offset;
      later.give(r);
      avx2::run_dense32(r);
    }
    for (I64 i = begin; i < end; ++i) rows[static_cast<std::size_t>(i - begin)] += r.depth;
  }
}

}  // namespace

StemShape product_shape(I64 rows, I64 depth, I64 out) noexcept {
  StemShape s;
  s.batch = rows, s.channels = depth, s.out_channels = out;
  return s;
}

bool faster_dense32(const StemShape& s, bool adds) noexcept {
  if (isa() != Isa::Avx2 || s.out_channels < kLeastChannels) return false;
  const bool beside = (s.out_height - 1) * s.stride_h >= s.height || (s.out_width - 1) * s.stride_w >= s.width;
  if (s.kernel_h * s.kernel_w > 1 || s.top > 0 || s.left > 0 || beside) return false;
  return s.batch * s.out_height * s.out_width >= kLeastRows && s.channels >= (adds ? kLeastBesideResidual : kLeastDepth);
}

Dense32 plan_dense32(const StemShape& s) noexcept {
  Dense32 p;
  p.shape = s;
  p.rows = s.batch * s.out_height * s.out_width;
  p.depth = s.channels;
  p.block = ceil_div(ceil_div(p.depth, ceil_div(p.depth, kMostBlock)), 4) * 4;
  p.band = std::clamp<I64>(kBandNumbers / p.block, 48, kMostBand);
  p.weight_count = p.depth * lanes_before(p, panels_of(p));
  return p;
}

void pack_dense32(const Dense32& p, const Dense32Weights& w, float* packed) noexcept {
  const I64 out = p.shape.out_channels, panels = panels_of(p);
  parallel_for(ceil_div(p.depth, kPackedRows), 4, [&](I64 first, I64 last) {
    for (I64 from = first * kPackedRows; from < std::min(last * kPackedRows, p.depth); from += kPackedRows)
      for (I64 panel = 0; panel < panels; ++panel) {
        const I64 begin = lanes_before(p, panel), lanes = lanes_before(p, panel + 1) - begin,
                  real = std::min(lanes, out - begin);
        for (I64 k = from; k < std::min(from + kPackedRows, p.depth); ++k) {
          const I64 at = k / p.block * p.block, depth = std::min(p.block, p.depth - at);
          float* to = packed + at * lanes_before(p, panels) + begin * depth + (k - at) * lanes;
          for (I64 c = 0; c < real; ++c) to[c] = w.data[(begin + c) * w.out + k * w.in];
          std::fill(to + real, to + lanes, 0.0f);
        }
      }
  });
}

void dense32(const Dense32& p, const Dense32Operands& o) noexcept {
  parallel_for(o.shares, 1, [&](I64 first, I64 last) {
    for (I64 share = first; share < last; ++share) {
      const Part part = part_of(p, share, o.shares);
      const I64 rows = part.row_end - part.row_begin, bands = ceil_div(rows, p.band);
      for (I64 i = 0; i < bands; ++i)
        run_band(p, o, part, part.row_begin + i * rows / bands, part.row_begin + (i + 1) * rows / bands);
    }
  });
}

}  // namespace inc::kernels
