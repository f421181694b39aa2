#pragma once
// 3×3 convolution of FP32 or BF16 data with stride 1, one group, channels last, by minimal filtering: a tile of outputs
// comes from products, element by element, of a transformed patch of the input and the transformed weights (Winograd 1980;
// Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). Tiles of 4×4 outputs need 36 products where the
// definition has 144, tiles of 2×2 need 16 for 36. Arithmetic is FP32 throughout.
//
// Polynomials are evaluated at 0, ±3/4, ±3/2 and infinity for tiles of 4×4, numbers that FP32 represents exactly, as it does
// all entries of the transforms of data: the error is that of a direct sum times 2 (times 5 at 0, ±1, ±2, the usual choice);
// with tiles of 2×2 it is that of a direct sum. It is spread over a tile: it goes with the largest numbers of the tile's
// patch, and infinities and NaN make the whole tile NaN.
//
// GOP/s of the definition on one core of a Zen 4, ours with tiles of 4×4 : oneDNN 3.2:
//                             AVX512      AVX2
//   3×3 64→64 on 224×224      275 : 113   266 : 107
//   3×3 256→256 on 56×56      384 : 115   328 : 113
//   3×3 512→512 on 28×28      392 : 119   292 : 112
// Inside ResNet-50 at batch 1, milliseconds: on 56×56 0.70 : 2.1, on 28×28 0.66 : 2.0, on 14×14 0.89 : 2.0, on 7×7 1.5 : 2.2.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace inc::kernels {

/// What plan_winograd takes has windows of 3×3, strides and dilations of 1.
struct WinogradShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 16;
  std::int64_t out_height = 1, out_width = 1, out_channels = 16;
  std::int64_t kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1, dilation_h = 1;
  std::int64_t top = 0, left = 0;  ///< padding, not negative; below and to the right it follows from the other numbers
};

/// The edge of the tiles of outputs that make such a convolution fastest: 4 or 2; 0 where a direct one is faster, or the
/// form is another. `direct`: products of a direct one in the time of one in FP32. The same for any number of threads.
std::int64_t winograd_tile(const WinogradShape& shape, double direct) noexcept;

/// A convolution without its weights.
struct Winograd {
  WinogradShape shape;
  std::int64_t tile = 4;               ///< outputs along an edge; a patch is 2 longer
  std::int64_t rows = 1, columns = 1;  ///< of tiles in an image
  std::int64_t block = 1;              ///< tiles that are worked on together
  std::int64_t in_row = 0;             ///< numbers that a tile takes in each of the matrices of patches
  std::int64_t panel = 1;              ///< output channels of a panel of the packed weights
  std::int64_t weight_bytes = 0;       ///< packed
  int shares = 1;                      ///< of the work, one per thread
  bool together = false;               ///< shares work on one block, not each on its own
  std::int64_t scratch_bytes = 0;      ///< of all shares
  std::vector<float> zeros;            ///< a pixel of the padding

  std::int64_t points() const noexcept { return (tile + 2) * (tile + 2); }
  std::int64_t tiles() const noexcept { return shape.batch * rows * columns; }
};

/// tile: 2 or 4. Results are the same for any number of shares.
Winograd plan_winograd(const WinogradShape& shape, std::int64_t tile, int shares);
/// weights: [out_channels][channels][3][3]. packed: weight_bytes, aligned to 64.
void pack_winograd(const Winograd& plan, const float* weights, std::byte* packed) noexcept;

struct WinogradOperands {
  const std::byte* packed = nullptr;
  const std::byte* src = nullptr;       ///< [batch][height][width][channels]
  const float* bias = nullptr;          ///< one per output channel
  const std::byte* residual = nullptr;  ///< laid out as dst; or none
  std::byte* dst = nullptr;             ///< [batch][out_height][out_width][out_channels]
  std::byte* scratch = nullptr;         ///< scratch_bytes, aligned to 64
  float low = 0, high = 0, slope = 1;
  bool bf16 = false, bf16_out = false;  ///< src; residual and dst; otherwise FP32
};
/// y = min(max(t, low), high), with t = sum + bias + residual, times slope where it is negative.
void winograd(const Winograd& plan, const WinogradOperands& operands) noexcept;

}  // namespace inc::kernels
