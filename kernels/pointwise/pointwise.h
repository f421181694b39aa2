#pragma once
// 1×1 convolution of 8-bit data with 8-bit weights, channels last, on CPUs with AVX512-VNNI; sums are exact. With x_q, w_q
// the 8-bit numbers:
//   sum = Σ (x_q - input_zero) * w_q      t = fma(sum, scale[c], shift[c])      (round to nearest even, FP32)
//   with a residual of 8-bit numbers      t = fma(r_q, residual_scale, t)
//   8-bit output:  q = min(max(saturate(round_half_even(t) + zero), bound(low[c])), bound(high[c])),
//                  bound(v) = saturate(round_half_even(v) + zero)
//   FP32 output:   min(max(t, low[c]), high[c])
//
// Inside MobileNetV2 at batch 1 on one core of a Zen 5, microseconds, ours : kernels/integer or oneDNN 3.2:
//   16→96 on 112×112 89 : 152 (oneDNN)   32→16 on 112×112 30 : 38 (oneDNN)   24→144 on 56×56 41 : 67 (oneDNN)
//   32→192 on 28×28 15.7 : 21.8          64→384 on 14×14 13.7 : 17.7         96→576 on 14×14 28.6 : 34.3
//   160→960 on 7×7 19.8 : 25.5           576→96 on 14×14 17.6 : 20.1         320→1280 on 7×7 51 : 54
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace inc::kernels {

/// Of all pixels of all images.
struct PointwiseShape {
  std::int64_t pixels = 1, channels = 4, out_channels = 1;
};

enum class PointwiseOut : std::uint8_t { U8, S8, F32 };

/// What plan_pointwise8 takes; arrays have one entry per output channel.
struct PointwiseGroup {
  PointwiseShape shape;
  const std::int8_t* weights = nullptr;  ///< [out_channels][channels]
  const float *scale = nullptr, *shift = nullptr, *low = nullptr, *high = nullptr;
  bool signed_input = false;
  std::int32_t input_zero = 0;
  PointwiseOut out = PointwiseOut::U8;
  std::int32_t out_zero = 0;
  bool has_residual = false, signed_residual = false;  ///< of 8-bit output only
  float residual_scale = 0;
};

/// Output channels that are computed together.
struct PointwiseBlock {
  std::int64_t first = 0, channels = 0;  ///< real ones
  std::int64_t vectors = 1, pixels = 1;  ///< of a tile
  std::int64_t weights = 0;              ///< bytes from the start of the packed ones
  alignas(64) std::int32_t init[64] = {};
  alignas(64) float scale[64] = {}, shift[64] = {}, low[64] = {}, high[64] = {};
  alignas(64) std::uint8_t low8[64] = {}, high8[64] = {};  ///< bounds of four vectors of unsigned output
};

/// A group without its weights.
struct Pointwise8 {
  PointwiseShape shape;
  bool signed_input = false;
  PointwiseOut out = PointwiseOut::U8;
  std::int32_t out_zero = 0;
  bool plain = false;  ///< unsigned numbers, and unsigned results that may be 0 with zero point 0
  bool has_residual = false, signed_residual = false;
  float residual_scale = 0;
  std::vector<PointwiseBlock> blocks;
  std::int64_t band = 1;          ///< pixels that all blocks pass over in turn
  std::int64_t weight_bytes = 0;  ///< packed
};

/// Nothing without AVX512-VNNI, where channels are no multiple of 4, a sum times its scale may leave 30 bits, or there are
/// more channels than sums can take.
std::optional<Pointwise8> plan_pointwise8(const PointwiseGroup& group);
/// weights: as in the group. packed: weight_bytes, aligned to 64.
void pack_pointwise8(const Pointwise8& plan, const std::int8_t* weights, std::byte* packed) noexcept;

/// src: [pixels][channels] of 8 bits; dst, and a residual, alike with out_channels. The work is done in `shares` equal
/// parts, one per thread: pixels where there are many, which stay in a core's cache, otherwise channels.
void pointwise8(const Pointwise8& plan, const std::byte* packed, const std::byte* src, const std::byte* residual,
                std::byte* dst, int shares) noexcept;

}  // namespace inc::kernels
