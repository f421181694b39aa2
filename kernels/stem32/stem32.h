#pragma once
// Convolution of images of few channels, as networks begin with, in FP32, or in BF16 with sums in FP32: the image is read
// channel by channel, results are written channels last, in vectors that 8 channels fill.
//   y = min(max(Σ x * w + bias[c], low), high)      (products added one by one, fused where the ISA can; NaN is handed on)
//
// One core of a Zen 4, milliseconds, ours : oneDNN 3.2 with its reorder of the image:
//   3×3/2 3→8 on 4 images of 224×224 0.33 : 0.60      5×5 1→8 on 28×28 0.0047 : 0.0069
// With AVX2 (INC_MAX_ISA), with its reorder of the result: 3×3/2 3→8 0.081 : 0.114, 3→32 0.263 : 0.342, 5×5 1→8 0.0052 :
// 0.0099, 50 of 10×4/2×1 1→276 on 49×10 3.6 : 4.8, 7×7/2 3→64 2.15 : 2.15.
// Whole models: mobilenet_v1_0.25 batch 20 in BF16 13.5 : 15.1, in FP32 19.7 : 21.2; mnist-8 in BF16 0.0149 : 0.0174, in
// FP32 0.0185 : 0.0196. With AVX512, to 16 channels and more, oneDNN is faster.
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/stem/stem.h"

namespace inc::kernels {

/// Channels of a vector.
constexpr std::int64_t kStem32Lanes = 8;

struct Stem32 {
  StemShape shape;
  bool bf16 = false;               ///< input and output
  std::int64_t lanes = 0;          ///< output channels, the last vector of them full
  std::int64_t row = 0;            ///< numbers of a row of one channel with its padding
  std::int64_t slots = 1;          ///< for input rows under a window: a power of two
  std::int64_t weight_count = 0;   ///< packed numbers
  std::int64_t scratch_bytes = 0;  ///< of one share
};

/// Whether the library takes longer on the CPU that runs: at most kStemChannels channels, with AVX512 to at most 8.
bool faster_stem32(const StemShape& shape) noexcept;
Stem32 plan_stem32(const StemShape& shape, bool bf16) noexcept;
/// weights: [out_channels][channels][kernel_h][kernel_w]. packed: weight_count.
void pack_stem32(const Stem32& plan, const float* weights, float* packed) noexcept;

struct Stem32Operands {
  const float* packed = nullptr;
  const float* bias = nullptr;     ///< lanes
  const std::byte* src = nullptr;  ///< [batch][channels][height][width]
  std::byte* dst = nullptr;        ///< [batch][out_height][out_width][out_channels]
  std::byte* scratch = nullptr;    ///< scratch_bytes for each share
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  int shares = 1;  ///< of the work, one per thread
};
void stem32(const Stem32& plan, const Stem32Operands& operands) noexcept;

}  // namespace inc::kernels
