#pragma once
// What the driver hands to a variant: a row of output pixels.
#include "kernels/stem32/stem32.h"
#include "kernels/variants.h"

namespace inc::kernels {

/// Output channels of a panel: two vectors, the last one may have one.
constexpr std::int64_t kStem32Panel = 2 * kStem32Lanes;

struct Stem32Run {
  const float* const* rows = nullptr;  ///< of each input channel under the window, at the first pixel
  std::int64_t row_count = 1, kernel_w = 1, stride_w = 1;
  const float *weights = nullptr, *bias = nullptr;  ///< [row_count][kernel_w][lanes of the panel], [lanes of the panel]
  std::int64_t width = 1, channels = 1;             ///< channels: real ones of the panel
  std::byte* dst = nullptr;
  std::int64_t step = 1;  ///< bytes from pixel to pixel of dst
  float low = 0, high = 0;
  bool bf16 = false;
};

INC_KERNEL_DECLARE(void run_stem32(const Stem32Run& run) noexcept)
INC_KERNEL_DECLARE(void widen_stem32(const std::byte* bf16, float* to, std::int64_t count) noexcept)

}  // namespace inc::kernels
