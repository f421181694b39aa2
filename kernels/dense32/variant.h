#pragma once
// What the driver hands to the variant: some rows times a panel of output channels.
#include <cstddef>

#include "kernels/dense32/dense32.h"

namespace inc::kernels {

constexpr std::int64_t kDense32Lanes = 8;  ///< of a vector; a panel has two, the last one up to three

struct Dense32Run {
  const float* const* rows = nullptr;  ///< at the block's first number
  std::int64_t count = 1;              ///< of rows
  const float* weights = nullptr;      ///< [depth][lanes of the panel]
  std::int64_t depth = 1, channels = 1;
  float* dst = nullptr;
  const float *bias = nullptr, *adds = nullptr;  ///< what sums begin with: per channel, and laid out as dst; or none
  std::int64_t step = 1;                         ///< from row to row of dst
  bool far = false;                              ///< dst is not in a cache
  const std::byte* later = nullptr;              ///< will be wanted by the next band
  std::int64_t later_bytes = 0;
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity(), slope = 1;
};

namespace avx2 {
void run_dense32(const Dense32Run& run) noexcept;
}

}  // namespace inc::kernels
