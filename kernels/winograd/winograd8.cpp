#include "kernels/winograd/winograd8.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/base/parallel.h"
#include "kernels/winograd/tiles.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;
using I32 = std::int32_t;
using I16 = std::int16_t;

constexpr I64 kTile = 4, kTaps = 9;
constexpr I64 kMostSum = I64{1} << 25;
constexpr float kMostScaled = 1 << 30;  // it fits int32
/// In products of one weight: to read it from memory.
constexpr double kReading = 15;
/// In products of one weight: to transform a number of a patch, and of a tile's results.
struct Transforms {
  double patch, results;
};
constexpr Transforms kWithVnni{8, 19}, kWithoutVnni{10, 24};

WinogradVariant variant(DenseResidual residual, bool real) noexcept {
  if (has_vnni()) return avx512vnni::winograd8_variant(residual, real);
  switch (isa()) {
    case Isa::Baseline:
      return baseline::winograd8_variant(residual, real);
    case Isa::Avx2:
      return avx2::winograd8_variant(residual, real);
    default:
      return avx512::winograd8_variant(residual, real);
  }
}

bool fits(const DenseGroup& g) noexcept {
  const DenseShape& s = g.shape;
  const I64 lanes = variant(DenseResidual::None, false).lanes;
  return s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1 &&
         s.channels % 2 == 0 && s.channels >= 2 * lanes && s.out_channels >= lanes &&
         (g.residual == DenseResidual::None || g.out != DenseOut::F32);
}

bool faster(const DenseShape& s, double direct) noexcept {
  const auto count = [](I64 pixels) { return (pixels + kTile - 1) / kTile; };
  const auto tiles = static_cast<double>(s.batch * count(s.out_height) * count(s.out_width));
  const Transforms t = has_vnni() ? kWithVnni : kWithoutVnni;
  const double transforms = t.patch / static_cast<double>(s.out_channels) + t.results / static_cast<double>(s.channels);
  const auto pixels = static_cast<double>(s.batch * s.out_height * s.out_width);
  return 36 * (tiles * (1 + transforms) + kReading) < 9 * (pixels + kReading) / direct;
}

bool is_exact(const DenseGroup& g) noexcept {
  const I64 taps = g.shape.channels * kTaps;
  const bool small = g.residual == DenseResidual::U8 || g.residual == DenseResidual::S8;
  for (I64 c = 0; c < g.shape.out_channels; ++c) {
    I64 sum = 0;
    for (I64 t = 0; t < taps; ++t) sum += std::abs(I32{g.weights[c * taps + t]});
    if (128 * sum >= kMostSum) return false;
    const float residual = small ? 255.0f * std::abs(g.residual_scale) : 0.0f;
    const float scaled = 255.0f * static_cast<float>(sum) * std::abs(g.scale[c]) + std::abs(g.shift[c]) + residual;
    if (!(scaled < kMostScaled)) return false;
  }
  return true;
}

/// saturate(round_half_even(v) + zero) - zero.
I32 bound(float v, I32 zero, bool is_signed) noexcept {
  const float low = static_cast<float>((is_signed ? -128 : 0) - zero), high = low + 255;
  return static_cast<I32>(std::nearbyint(std::min(high, std::max(low, v))));
}

/// Rows of the transform of weights, times the least numbers that make them whole.
constexpr I16 kRows[6][3] = {{1, 0, 0}, {-1, -1, -1}, {-1, 1, -1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};

/// The weights of some output channels and two input channels, interleaved; `count` numbers.
void transform(const I16 (&w)[9][2 * kMostPanel], I64 count, I16* to, I64 plane) noexcept {
  const auto sum = [](const I16(&g)[3], I16 a, I16 b, I16 c) { return static_cast<I16>(g[0] * a + g[1] * b + g[2] * c); };
  I16 down[6][3][2 * kMostPanel], all[2 * kMostPanel];
  for (int i = 0; i < 6; ++i)
    for (int k = 0; k < 3; ++k)
      for (I64 n = 0; n < 2 * kMostPanel; ++n) down[i][k][n] = sum(kRows[i], w[k][n], w[3 + k][n], w[6 + k][n]);
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 6; ++j) {
      for (I64 n = 0; n < 2 * kMostPanel; ++n) all[n] = sum(kRows[j], down[i][0][n], down[i][1][n], down[i][2][n]);
      std::copy_n(all, count, to + (i * 6 + j) * plane);
    }
}

}  // namespace

std::optional<Winograd8> plan_winograd8(const DenseGroup& g, double direct, int shares) {
  if (!fits(g) || !faster(g.shape, direct) || !is_exact(g)) return {};
  const DenseShape& d = g.shape;
  Winograd8 p;
  const WinogradShape s{d.batch, d.height, d.width, d.channels, d.out_height, d.out_width, d.out_channels,
                        3,       3,        1,       1,          1,            d.top,       d.left};
  p.tiles = plan_tiles(s, kTile, shares, variant(g.residual, false).lanes, sizeof(std::int16_t));
  p.signed_input = g.signed_input;
  p.out = g.out;
  p.out_zero = g.out_zero;
  p.residual = g.residual, p.residual_scale = g.residual_scale;
  const auto count = static_cast<std::size_t>(d.out_channels);
  p.scale.assign(g.scale, g.scale + count), p.shift.assign(g.shift, g.shift + count);
  p.low.assign(g.low, g.low + count), p.high.assign(g.high, g.high + count);
  for (std::size_t c = 0; c < count; ++c) {
    p.low_step.push_back(bound(g.low[c], g.out_zero, g.out == DenseOut::S8));
    p.high_step.push_back(bound(g.high[c], g.out_zero, g.out == DenseOut::S8));
  }
  const I32 zero = g.input_zero - (g.signed_input ? 0 : 128);
  for (std::size_t c = 0; c < count; ++c) {
    I32 sum = 0;
    for (I64 t = 0; t < d.channels * kTaps; ++t) sum += g.weights[static_cast<I64>(c) * d.channels * kTaps + t];
    p.offset.push_back(-zero * sum);
  }
  const auto padded = static_cast<std::size_t>((d.out_channels + kMostPanel - 1) / kMostPanel * kMostPanel);
  for (auto* v : {&p.scale, &p.shift, &p.low, &p.high}) v->resize(padded);
  for (auto* v : {&p.low_step, &p.high_step, &p.offset}) v->resize(padded);
  p.pad.assign(static_cast<std::size_t>(d.channels), static_cast<std::int8_t>(g.input_zero));
  return p;
}

void pack_winograd8(const Winograd8& plan, const std::int8_t* weights, std::byte* packed) noexcept {
  const Winograd& p = plan.tiles;
  const I64 depth = p.shape.channels, lanes = variant(plan.residual, false).lanes;
  const I64 outputs = (p.shape.out_channels + lanes - 1) / lanes * lanes;
  parallel_for((outputs + p.panel - 1) / p.panel, 1, [&](I64 begin, I64 end) {
    for (I64 panel = begin; panel < end; ++panel) {
      const I64 first = panel * p.panel, width = std::min(p.panel, outputs - first);
      auto* to = reinterpret_cast<I16*>(packed) + first * depth * p.points();
      for (I64 c = 0; c < depth; c += 2, to += 2 * width) {
        I16 w[9][2 * kMostPanel] = {};
        for (I64 n = 0; n < std::min(width, p.shape.out_channels - first); ++n)
          for (I64 i = 0; i < 18; ++i) w[i % 9][2 * n + i / 9] = weights[((first + n) * depth + c) * 9 + i];
        transform(w, 2 * width, to, depth * width);
      }
    }
  });
}

void winograd8(const Winograd8& p, const DenseOperands& operands) noexcept {
  const Winograd8Job job{&p, &operands};
  const WinogradVariant v = variant(p.residual, p.out == DenseOut::F32);
  run_tiles(p.tiles, v, &job, operands.packed, operands.scratch, sizeof(std::int16_t));
}

}  // namespace inc::kernels
