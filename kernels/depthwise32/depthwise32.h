#pragma once
// Depthwise convolution in FP32 with AVX2, for CPUs without AVX512; channels last, two spatial dimensions.
//   y = bias[c];  y += x * w, tap by tap, fused;  y *= slope where y < 0;  y = min(max(y, low), high)
// NaN is handed on; a tap beside the image is a product by 0. Four neighbouring pixels at a time, channel by channel; 3×3
// windows read each pixel once.
//
// One core of a Zen 4 with INC_MAX_ISA=avx2 inside networks, microseconds, ours : oneDNN 3.2 (brdgmm_dw):
//   MobileNetV2: 112×112×32 130 : 152      112×112×96/2 182 : 186      56×56×144 139 : 174      56×56×144/2 50 : 60
//                28×28×192 46 : 61         14×14×384 27 : 34           14×14×576 40 : 50        7×7×960 19 : 23
//   YOLOX-nano: 13×13 8.2 : 12.5, 52×52 24 : 32, wide images of 16 and 32 channels 90 to 110 : 102 and 53 to 64 : 59
//   DS-CNN, 50 of 13×5×276: 480 to 570 : 830 to 900; rows that short are fetched ahead
// With AVX512 the library's is as fast, in BF16 1.2 to 1.7 times as fast.
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
