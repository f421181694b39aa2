#pragma once
// Convolution over few input channels, as networks begin with, of 8-bit data with 8-bit weights; sums are exact on every
// ISA. With x_q, w_q the 8-bit numbers and the zero point in the padding:
//   sum = Σ (x_q - input_zero) * w_q      t = fma(sum, scale[c], shift[c])      (round to nearest even, FP32)
//   8-bit output:  q = min(max(saturate(round_half_even(t) + zero), bound(low[c])), bound(high[c])),
//                  bound(v) = saturate(round_half_even(v) + zero)
//   FP32 output:   min(max(t, low[c]), high[c])
// FP32 images, channel by channel, are quantized row by row on the way; a row of the window is one run of numbers.
//
// One core of a Zen 5, microseconds of an image from FP32, ours : quantization and oneDNN 3.2's convolution (not exact for
// all weights without VNNI):
//                               AVX512-VNNI   AVX512      AVX2
//   7×7/2 3→64 on 224×224       385 : 474     834 : 830   1690 : 1730
//   3×3/2 3→32 on 224×224        76 : 117     187 : 155    408 : 353
//   10×4/2×1 1→276 on 49×10      14 :  39      29 :  59     72 : 168
// A Zen 4 with VNNI: 7×7/2 638, 3×3/2 110, 3×3 3→16 on 32×32 5.3; 3 to 9 % of it saved by last tiles that are as long as what
// is left, and by results that saturate at 0 without being held.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// Dilation of columns is 1.
struct StemShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1, out_channels = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1;
  std::int64_t top = 0, left = 0;  ///< padding, not negative; below and to the right it follows from the other numbers
};

/// The most input channels that are a stem's.
constexpr std::int64_t kStemChannels = 4;

enum class StemOut : std::uint8_t { U8, S8, F32 };

/// What pack_stem8 takes; arrays have one entry per output channel.
struct StemGroup {
  StemShape shape;
  const std::int8_t* weights = nullptr;  ///< [out_channels][channels][kernel_h][kernel_w]
  const float *scale = nullptr, *shift = nullptr, *low = nullptr, *high = nullptr;
  bool signed_input = false;
  std::int32_t input_zero = 0;
  StemOut out = StemOut::U8;
  std::int32_t out_zero = 0;
};

/// 64 bytes, aligned.
struct alignas(64) StemLine {
  std::byte bytes[64];
};

/// Some output channels that are computed together.
struct StemBlock {
  std::int64_t first = 0, channels = 0;  ///< real ones
  std::int64_t vectors = 1, pixels = 1;  ///< of a tile
  std::int64_t weights = 0, place = 0;   ///< bytes, and entries, from the start of the packed arrays
};

struct StemRow;

/// A packed group, for the ISA that ran when it was packed.
struct Stem8 {
  StemShape shape;
  bool signed_input = false;
  StemOut out = StemOut::U8;
  std::int32_t input_zero = 0, out_zero = 0;  ///< of the data as unsigned numbers; of the output
  bool plain = false;                         ///< unsigned results that may be 0, with zero point 0
  const char* isa = "";
  std::int64_t number_bytes = 1;   ///< of a number in a row: 1, or 2 less its zero point
  std::int64_t units = 1;          ///< of 4 bytes in a run
  std::int64_t segment = 1;        ///< output columns computed together
  std::int64_t slots = 1;          ///< for input rows under a window: a power of two
  std::int64_t row_bytes = 0;      ///< of a row in scratch
  std::int64_t scratch_bytes = 0;  ///< of one share
  void (*row)(const StemRow&) = nullptr;
  /// Bytes, some bits turned, as numbers of a row.
  void (*place)(const std::uint8_t* from, std::uint8_t turned, std::byte* to, std::int64_t count,
                std::int32_t zero) = nullptr;
  std::vector<StemBlock> blocks;
  std::vector<StemLine> weights, init, scale, shift, low, high, low8, high8;
};

/// Nothing where a sum times its scale may leave 30 bits, or the numbers under a window are more than sums can take.
std::optional<Stem8> pack_stem8(const StemGroup& group);

/// src: [batch][height][width][channels] of 8 bits; dst alike with out_height, out_width and out_channels. The work is done
/// in `shares` equal parts, one per thread; scratch: scratch_bytes for each, aligned to 64.
void stem8(const Stem8& packed, const std::byte* src, std::byte* dst, std::byte* scratch, int shares) noexcept;
/// src: [batch][channels][height][width], quantized as quantize() does with `scale` and the group's zero point.
void stem8(const Stem8& packed, const float* src, float scale, std::byte* dst, std::byte* scratch, int shares) noexcept;

}  // namespace inc::kernels
