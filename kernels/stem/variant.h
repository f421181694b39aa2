#pragma once
// What the driver asks of a variant, and hands to it: a row of output pixels times a block of channels.
#include "kernels/stem/stem.h"
#include "kernels/variants.h"

namespace inc::kernels {

struct StemRow {
  const std::byte* const* rows = nullptr;  ///< input rows under the window, at the first pixel
  std::int64_t kernel_h = 1, units = 1;
  std::int64_t pixel_bytes = 1;  ///< from window to window
  std::int64_t vectors = 1, pixels = 1, width = 1;
  const std::byte* weights = nullptr;  ///< [kernel_h][units][vectors][lanes] units
  const std::int32_t* init = nullptr;
  const float *scale = nullptr, *shift = nullptr;
  const void *low = nullptr, *high = nullptr;            ///< FP32, or int32 in front of the zero point
  const std::uint8_t *low8 = nullptr, *high8 = nullptr;  ///< 64 bytes: the bounds of unsigned output, repeated
  std::byte* dst = nullptr;
  std::int64_t channels = 1;   ///< real ones of the block
  std::int64_t dst_bytes = 1;  ///< from pixel to pixel
  StemOut out = StemOut::U8;
  std::int32_t out_zero = 0;
  std::int32_t flip = 0;  ///< from signed to unsigned output: 128
  bool plain = false;     ///< unsigned results that may be 0, with zero point 0
};

constexpr std::int64_t kStemVectors = 4;

struct StemVariant {
  void (*row)(const StemRow&) = nullptr;
  decltype(Stem8::place) place = nullptr;
  std::int64_t lanes = 1;
  std::int64_t most_pixels[kStemVectors] = {};  ///< of tiles of 1, 2, … vectors; 0: there are none
  bool bytes = false;                           ///< four unsigned numbers to a unit, else two of 16 bits
};

INC_KERNEL_DECLARE(StemVariant stem_variant() noexcept)
namespace avx512vnni {
StemVariant stem_variant() noexcept;
}

}  // namespace inc::kernels
