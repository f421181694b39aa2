#pragma once
// What the driver hands to the variant: a run of pixels times a block of output channels.
#include "kernels/pointwise/pointwise.h"

namespace inc::kernels {

struct PointwiseRun {
  const std::byte* src = nullptr;       ///< the first pixel
  const std::byte* residual = nullptr;  ///< laid out as dst; or none
  std::byte* dst = nullptr;
  std::int64_t src_step = 4, dst_step = 1;                                   ///< bytes from pixel to pixel
  std::int64_t pixels = 1, units = 1;                                        ///< units: fours of input channels
  const std::byte *weights = nullptr, *next = nullptr, *next_end = nullptr;  ///< next: will be wanted behind this run
  const PointwiseBlock* block = nullptr;
  PointwiseOut out = PointwiseOut::U8;
  std::int32_t out_zero = 0;
  bool signed_input = false;
  bool signed_residual = false;
  float residual_scale = 0;
  bool plain = false;  ///< unsigned numbers, and unsigned results that may be 0 with zero point 0
};

namespace avx512vnni {
void run_pointwise(const PointwiseRun& run) noexcept;
}

/// The most pixels of a tile of 1, 2, … vectors.
constexpr std::int64_t kPointwisePixels[] = {16, 12, 8, 6};

}  // namespace inc::kernels
