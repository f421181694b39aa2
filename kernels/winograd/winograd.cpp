#include "kernels/winograd/winograd.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/winograd/tiles.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

/// In products of one weight: to read it from memory; to transform a number of a tile.
constexpr double kReading = 15, kTransform = 8;

I64 ceil_div(I64 a, I64 b) noexcept {
  return (a + b - 1) / b;
}

WinogradVariant variant(I64 tile, bool bf16, bool bf16_out) noexcept {
  switch (isa()) {
    case Isa::Baseline:
      return baseline::winograd_variant(tile, bf16, bf16_out);
    case Isa::Avx2:
      return avx2::winograd_variant(tile, bf16, bf16_out);
    default:
      return avx512::winograd_variant(tile, bf16, bf16_out);
  }
}

I64 lanes() noexcept {
  return variant(4, false, false).lanes;
}

/// Rows of the matrix G of the transform G g Gᵀ of weights: products of N and the powers of a point.
constexpr double kFour[6][3] = {{64.0 / 81, 0, 0},
                                {-128.0 / 243, -32.0 / 81, -8.0 / 27},
                                {-128.0 / 243, 32.0 / 81, -8.0 / 27},
                                {32.0 / 243, 16.0 / 81, 8.0 / 27},
                                {32.0 / 243, -16.0 / 81, 8.0 / 27},
                                {0, 0, 1}};
constexpr double kTwo[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

/// The weights of some output channels and one input channel; `lanes` numbers apart.
template <int E>
void transform(const double (&g)[E][3], const float (&w)[9][kMostPanel], I64 lanes, float* to, I64 plane) noexcept {
  double down[E][3][kMostPanel];
  for (int i = 0; i < E; ++i)
    for (int k = 0; k < 3; ++k)
      for (I64 n = 0; n < kMostPanel; ++n)
        down[i][k][n] = g[i][0] * w[k][n] + g[i][1] * w[3 + k][n] + g[i][2] * w[6 + k][n];
  for (int i = 0; i < E; ++i)
    for (int j = 0; j < E; ++j)
      for (I64 n = 0; n < lanes; ++n)
        to[(i * E + j) * plane + n] =
            static_cast<float>(g[j][0] * down[i][0][n] + g[j][1] * down[i][1][n] + g[j][2] * down[i][2][n]);
}

}  // namespace

std::int64_t winograd_tile(const WinogradShape& s, double direct) noexcept {
  const bool fits = s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 && s.dilation_h == 1;
  if (!fits || s.channels < lanes() || s.out_channels < lanes()) return 0;
  const double transforms = kTransform * (1.0 / static_cast<double>(s.channels) + 1.0 / static_cast<double>(s.out_channels));
  const auto cost = [&](I64 tile) {
    const I64 tiles = s.batch * ceil_div(s.out_height, tile) * ceil_div(s.out_width, tile);
    return static_cast<double>((tile + 2) * (tile + 2)) * (static_cast<double>(tiles) * (1 + transforms) + kReading);
  };
  const double pixels = static_cast<double>(s.batch * s.out_height * s.out_width), best = 9 * (pixels + kReading) / direct;
  const double four = cost(4), two = cost(2);
  return std::min(four, two) >= best ? 0 : four <= two ? 4 : 2;
}

Winograd plan_winograd(const WinogradShape& shape, I64 tile, int shares) {
  Winograd p = plan_tiles(shape, tile, shares, lanes(), sizeof(float));
  p.zeros.assign(static_cast<std::size_t>(shape.channels), 0.0f);
  return p;
}

void pack_winograd(const Winograd& p, const float* weights, std::byte* packed) noexcept {
  const I64 depth = p.shape.channels, outputs = ceil_div(p.shape.out_channels, lanes()) * lanes();
  parallel_for(ceil_div(outputs, p.panel), 1, [&](I64 begin, I64 end) {
    for (I64 panel = begin; panel < end; ++panel) {
      const I64 first = panel * p.panel, width = std::min(p.panel, outputs - first);
      float* to = reinterpret_cast<float*>(packed) + first * depth * p.points();
      for (I64 c = 0; c < depth; ++c, to += width) {
        float w[9][kMostPanel] = {};
        for (I64 n = 0; n < std::min(width, p.shape.out_channels - first); ++n)
          for (I64 i = 0; i < 9; ++i) w[i][n] = weights[((first + n) * depth + c) * 9 + i];
        if (p.tile == 4)
          transform(kFour, w, width, to, depth * width);
        else
          transform(kTwo, w, width, to, depth * width);
      }
    }
  });
}

void winograd(const Winograd& p, const WinogradOperands& operands) noexcept {
  run_tiles(p, variant(p.tile, operands.bf16, operands.bf16_out), &operands, operands.packed, operands.scratch, sizeof(float));
}

}  // namespace inc::kernels
