#pragma once
// Depthwise convolution in FP32 with AVX2, for CPUs without AVX512; channels last, two spatial dimensions.
//   y = bias[c];  y += x * w, tap by tap, fused;  y *= slope where y < 0;  y = min(max(y, low), high)
// NaN is handed on; a tap beside the image is a product by 0.
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/depthwise/depthwise.h"

namespace inc::kernels {

/// The most taps of a window.
constexpr std::int64_t kDepthwise32Taps = 64;

struct Depthwise32 {
  DepthwiseShape shape;
  std::vector<float> zeros;  ///< a pixel beside the image
};

/// Whether the library takes longer on the CPU that runs.
bool faster_depthwise32(const DepthwiseShape& shape) noexcept;
Depthwise32 plan_depthwise32(const DepthwiseShape& shape);

struct Depthwise32Operands {
  const float* weights = nullptr;  ///< [kernel_h][kernel_w][channels]
  const float* bias = nullptr;     ///< [channels]
  const float* src = nullptr;      ///< [batch][height][width][channels]
  float* dst = nullptr;            ///< [batch][out_height][out_width][channels]
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity(), slope = 1;
  int shares = 1;  ///< of the work, one per thread
};
void depthwise32(const Depthwise32& plan, const Depthwise32Operands& operands) noexcept;

}  // namespace inc::kernels
