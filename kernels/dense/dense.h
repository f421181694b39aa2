#pragma once
// Convolution of 8-bit data with 8-bit weights, channels last, one group, on CPUs with AVX512-VNNI; sums are exact. With
// x_q, w_q the 8-bit numbers and the zero point in the padding:
//   sum = Σ (x_q - input_zero) * w_q      t = fma(sum, scale[c], shift[c])      (round to nearest even, FP32)
//   with a residual r (8-bit or FP32)     t = fma(r, residual_scale, t), within ±1e6; not a number becomes 0
//   8-bit output:  q = min(max(saturate(round_half_even(t) + zero), bound(low[c])), bound(high[c])),
//                  bound(v) = saturate(round_half_even(v) + zero)
//   FP32 output:   min(max(t, low[c]), high[c])
//
// Inside MobileNetV2 at batch 1 on one core of a Zen 5, microseconds, ours : kernels/integer or oneDNN 3.2:
//   16→96 on 112×112 89 : 152 (oneDNN)   32→16 on 112×112 30 : 38 (oneDNN)   24→144 on 56×56 41 : 67 (oneDNN)
//   32→192 on 28×28 15.7 : 21.8          64→384 on 14×14 13.7 : 17.7         96→576 on 14×14 28.6 : 34.3
//   160→960 on 7×7 19.8 : 25.5           576→96 on 14×14 17.6 : 20.1         320→1280 on 7×7 51 : 54
// Alone, GOP/s: 3×3 16→16 on 50 images of 32×32 650, 32→32 on 16×16 800, 64→64 on 8×8 855; on one image 64→64 on 56×56
// 880, 128→128 on 28×28 890.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace inc::kernels {

/// Dilation of columns is 1.
struct DenseShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 4;
  std::int64_t out_height = 1, out_width = 1, out_channels = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1;
  std::int64_t top = 0, left = 0;  ///< padding, not negative; below and to the right it follows from the other numbers
};

enum class DenseOut : std::uint8_t { U8, S8, F32 };
enum class DenseResidual : std::uint8_t { None, U8, S8, F32 };

/// What plan_dense8 takes; arrays have one entry per output channel.
struct DenseGroup {
  DenseShape shape;
  const std::int8_t* weights = nullptr;  ///< [out_channels][channels][kernel_h][kernel_w]
  const float *scale = nullptr, *shift = nullptr, *low = nullptr, *high = nullptr;
  bool signed_input = false;
  std::int32_t input_zero = 0;
  DenseOut out = DenseOut::U8;
  std::int32_t out_zero = 0;
  DenseResidual residual = DenseResidual::None;  ///< of 8-bit output only
  float residual_scale = 0;
};

/// Output channels that are computed together.
struct DenseBlock {
  std::int64_t first = 0, channels = 0;  ///< real ones
  std::int64_t vectors = 1, pixels = 1;  ///< of a tile
  std::int64_t weights = 0;              ///< bytes from the start of the packed ones
  alignas(64) std::int32_t init[64] = {};
  alignas(64) float scale[64] = {}, shift[64] = {}, low[64] = {}, high[64] = {};
  alignas(64) std::uint8_t low8[64] = {}, high8[64] = {};  ///< bounds of four vectors of unsigned output
};

/// A group without its weights.
struct Dense8 {
  DenseShape shape;
  bool signed_input = false;
  DenseOut out = DenseOut::U8;
  std::int32_t out_zero = 0;
  bool plain = false;  ///< unsigned numbers and residuals, and unsigned results that may be 0 with zero point 0
  DenseResidual residual = DenseResidual::None;
  float residual_scale = 0;
  bool in_order = false;  ///< channels of a block are packed one behind the other: numbers are read or written beside them
  std::vector<DenseBlock> blocks;
  bool points = false;             ///< output pixels are input pixels, in one long row
  bool in_place = true;            ///< rows are read where they are: nothing is missing beside them
  std::int64_t band = 1;           ///< pixels, or rows, that all blocks pass over in turn
  std::int64_t slots = 1;          ///< for input rows under a band: a power of two
  std::int64_t row_bytes = 0;      ///< of a row with its padding
  std::int64_t weight_bytes = 0;   ///< packed
  std::int64_t scratch_bytes = 0;  ///< of one share
  std::vector<std::byte> pad;      ///< a row
};

/// Whether the library and kernels/integer take longer, on a CPU with AVX512-VNNI: larger windows with large weights, 1×1
/// ones with strides, and many results or residuals that are numbers (FP32) they do as fast or faster.
bool faster_dense(const DenseShape& shape, bool numbers) noexcept;
/// Nothing without AVX512-VNNI, where channels are no multiple of 4, a sum times its scale may leave 30 bits, or there are
/// more numbers under a window than sums can take.
std::optional<Dense8> plan_dense8(const DenseGroup& group);
/// weights: as in the group. packed: weight_bytes, aligned to 64.
void pack_dense8(const Dense8& plan, const std::int8_t* weights, std::byte* packed) noexcept;

struct DenseOperands {
  const std::byte* packed = nullptr;
  const std::byte* src = nullptr;       ///< [batch][height][width][channels] of 8 bits
  const std::byte* residual = nullptr;  ///< laid out as dst; or none
  std::byte* dst = nullptr;             ///< [batch][out_height][out_width][out_channels]
  std::byte* scratch = nullptr;         ///< scratch_bytes for each share
  int shares = 1;  ///< of the work, one per thread: pixels where they weigh more than the weights, otherwise channels
};
void dense8(const Dense8& plan, const DenseOperands& operands) noexcept;

}  // namespace inc::kernels
