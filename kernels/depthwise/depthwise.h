#pragma once
// Depthwise convolution of 8-bit data with 8-bit weights, channels last, two spatial dimensions; sums are exact on every
// ISA. With x_q, w_q the 8-bit numbers and the zero point in the padding:
//   sum = Σ (x_q - input_zero) * w_q      t = fma(sum, scale[c], shift[c])      (round to nearest even, FP32)
//   8-bit output:  q = min(max(saturate(round_half_even(t) + zero), bound(low[c])), bound(high[c])),
//                  bound(v) = saturate(round_half_even(v) + zero)
//   FP32 output:   min(max(t, low[c]), high[c])
// One core of a Zen 5, GOP/s, against oneDNN 3.2 in INT8 and FP32 on the shapes of MobileNetV2 at 224 pixels, DS-CNN and
// MobileNetV1 0.25 (batch 1):
//   AVX512-VNNI: 3×3 stride 1 192–300 (66–84, 59–97), with 8 channels 93 (42, 35); stride 2 153–220 (48–80, 47–72);
//   5×5 145 (112, 94), stride 2 106 (101, 74); 7×7 125–172 (108–122, 86–102)
//   AVX2: 3×3 stride 1 34–81 (19–36, 38–54), stride 2 38–60 (21–33, 41–48); 5×5 84 (48, 57), stride 2 65 (44, 54);
//   7×7 109 (54, 62)
// It wins on every shape against INT8; on AVX2 the FP32 kernel is up to 1.1 times as fast where the output has 7 pixels a
// row, before the conversions it needs.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace inc::kernels {

struct DepthwiseShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t top = 0, left = 0;  ///< padding; below and to the right it follows from the other numbers
};

enum class DepthwiseOut : std::uint8_t { U8, S8, F32 };

/// What pack_depthwise8 takes; arrays have one entry per channel.
struct DepthwiseGroup {
  DepthwiseShape shape;
  const std::int8_t* weights = nullptr;  ///< [channels][kernel_h][kernel_w]
  const float *scale = nullptr, *shift = nullptr, *low = nullptr, *high = nullptr;
  bool signed_input = false;
  std::int32_t input_zero = 0;
  DepthwiseOut out = DepthwiseOut::U8;
  std::int32_t out_zero = 0;
};

/// 64 bytes, aligned.
struct alignas(64) DepthwiseLine {
  std::byte bytes[64];
};

struct DepthwiseJob;

/// Channels of a block where bytes of four rows are interleaved; strips of output rows that share the lanes.
struct DepthwisePart {
  std::int64_t first = 0, channels = 0;
  int strips = 1;  ///< 1, 2 or 4
};

/// A packed group, for the ISA that ran when it was packed.
struct Depthwise8 {
  DepthwiseShape shape;
  bool signed_input = false;
  DepthwiseOut out = DepthwiseOut::U8;
  std::int32_t input_zero = 0, out_zero = 0;
  const char* isa = "";
  std::int64_t lanes = 1;   ///< channels of a block
  std::int64_t blocks = 1;  ///< the last one may overlap the one before it
  std::int64_t rows = 1;    ///< output rows of a strip
  std::int64_t blocks_at_once = 1;
  std::int64_t strips = 1;           ///< of one call
  std::vector<DepthwisePart> parts;  ///< of interleaved bytes, one for each block
  std::int64_t slots = 1, scratch_width = 0;
  std::int64_t scratch_bytes = 0;  ///< of one share
  /// Computes `strips` strips of output rows for some blocks of channels.
  void (*sweep)(const DepthwiseJob&, std::int64_t call, std::int64_t begin, std::int64_t end, std::byte* scratch) = nullptr;
  std::vector<DepthwiseLine> weights, init, scale, shift, low, high, pad;
  std::int64_t weight_lines = 0;  ///< of one block
};

/// Nothing where a sum times its scale may leave 30 bits, or sums may not be exact in FP32 (more than 250 taps).
std::optional<Depthwise8> pack_depthwise8(const DepthwiseGroup& group);

/// src: [batch][height][width][channels], dst alike with out_height and out_width. The work is done in `shares` equal
/// parts, one per thread; scratch: scratch_bytes for each, aligned to 64.
void depthwise8(const Depthwise8& packed, const std::byte* src, std::byte* dst, std::byte* scratch, int shares) noexcept;

}  // namespace inc::kernels
