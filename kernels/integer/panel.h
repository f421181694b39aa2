#pragma once
// What the driver hands to a variant: all pixels of a band times one panel of channels.
#include <cstdint>

#include "kernels/integer/integer.h"

namespace inc::kernels {

constexpr std::int64_t kMostWidth = 64, kMostRows = 16;

struct IntegerPanel {
  const std::byte* band;       ///< widened data, at the first channel of the group
  const std::int32_t* pixels;  ///< bytes to each pixel
  std::int64_t pixel_count, rows;
  const std::int64_t* taps;
  std::int64_t tap_count, run_bytes;
  const std::byte* weights;
  bool wide;
  std::int64_t columns;                          ///< real channels of the panel
  alignas(64) std::int32_t initial[kMostWidth];  ///< of the sums, with VNNI
  float scale[kMostWidth], bias[kMostWidth], factor[kMostWidth];
  float most_sum;  ///< bound of its magnitude
  bool has_factor;
  std::byte* dst;             ///< first pixel and channel
  const std::byte* residual;  ///< likewise
  std::int64_t stride;        ///< numbers from pixel to pixel, of both
  const IntegerFinish* finish;
};

/// One tile of pixels, before what lies behind the sums.
struct IntegerTile {
  const std::byte* weights;
  const std::int64_t* taps;
  const std::int64_t* taps_end;
  std::int64_t run_bytes;
  std::int32_t* sums;
  const std::byte* band;
  const std::int32_t* pixels;
  const std::int32_t* initial;
};

}  // namespace inc::kernels
