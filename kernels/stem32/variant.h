#pragma once
// What the driver hands to a variant: a row of output pixels.
#include "kernels/stem32/stem32.h"
#include "kernels/variants.h"

namespace inc::kernels {

struct Stem32Run {
  const float* const* rows = nullptr;  ///< of each input channel under the window, at the first pixel
  std::int64_t row_count = 1, kernel_w = 1, stride_w = 1;
  const float *weights = nullptr, *bias = nullptr;  ///< [row_count][kernel_w][kStem32Channels], [kStem32Channels]
  std::int64_t width = 1, channels = 1;             ///< channels: real ones
  std::byte* dst = nullptr;
  float low = 0, high = 0;
  bool bf16 = false;
};

INC_KERNEL_DECLARE(void run_stem32(const Stem32Run& run) noexcept)
INC_KERNEL_DECLARE(void widen_stem32(const std::byte* bf16, float* to, std::int64_t count) noexcept)

}  // namespace inc::kernels
