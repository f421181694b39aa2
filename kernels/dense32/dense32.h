#pragma once
// Products in FP32 with AVX2, for CPUs without AVX512: rows of numbers times packed weights, as in multiplications of
// matrices and convolutions of 1×1 windows.
//   y = bias[c] + residual;  y += x * w, product by product, fused;  y *= slope where y < 0;  y = min(max(y, low), high)
// NaN is handed on. A tile of 6 rows by 16 channels; the weights of the next panel are fetched meanwhile.
//
// One core of a Zen 4 with INC_MAX_ISA=avx2 inside networks, GOP/s, ours : oneDNN 3.2 (ceiling 118):
//   128×768×768 110 : 100      128×3072×768 110 : 98     50×3072×768 107 : 54     50×768×2304 106 : 92
//   1×1 2048→512 on 7×7 107 : 91      512→2048 107 : 91      1024→2048 with strides 107 : 88      512→128 on 28×28 111 : 112
//   960→160 on 7×7 108 : 90           320→1280 110 : 96      96→576 on 14×14 109 : 105
//   less deep, or beside a residual:  24→144 on 56×56 97 : 107     64→256 102 : 107     256→1024 with a residual 106 : 109
#include <cstdint>
#include <limits>

#include "kernels/stem/stem.h"

namespace inc::kernels {

/// How a shape is carried out; the same for any number of shares.
struct Dense32 {
  StemShape shape;
  std::int64_t rows = 1;          ///< output pixels
  std::int64_t depth = 1;         ///< numbers of a row
  std::int64_t block = 1;         ///< of them that are multiplied at a time
  std::int64_t band = 1;          ///< rows that pass over a block of weights
  std::int64_t weight_count = 0;  ///< packed numbers
};

/// A multiplication of M rows of K numbers to N.
StemShape product_shape(std::int64_t rows, std::int64_t depth, std::int64_t out) noexcept;
/// Whether such kernels run on this CPU, the shape is one of the above, and the library takes longer. `adds`: a residual.
bool faster_dense32(const StemShape& shape, bool adds) noexcept;
Dense32 plan_dense32(const StemShape& shape) noexcept;

/// Weights at any strides (in elements).
struct Dense32Weights {
  const float* data = nullptr;
  std::int64_t out = 0, in = 0;
};
/// packed: weight_count, aligned to 64 bytes.
void pack_dense32(const Dense32& plan, const Dense32Weights& weights, float* packed) noexcept;

struct Dense32Operands {
  const float* packed = nullptr;
  const float* bias = nullptr;      ///< per output channel, or none
  const float* src = nullptr;       ///< [batch][height][width][channels]
  const float* residual = nullptr;  ///< laid out as dst, may be dst; or none
  float* dst = nullptr;             ///< [batch][out_height][out_width][out_channels]
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity(), slope = 1;
  int shares = 1;  ///< of the work, one per thread: rows, or output channels where there are more of them
};
void dense32(const Dense32& plan, const Dense32Operands& operands) noexcept;

}  // namespace inc::kernels
