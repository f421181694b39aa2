#pragma once
// What the driver hands to the variant: a run of pixels times a block of output channels.
#include "kernels/dense/dense.h"

namespace inc::kernels {

struct DenseRun {
  const std::byte* const* rows = nullptr;  ///< under the window, at the first pixel
  const std::byte* residual = nullptr;     ///< laid out as dst; or none
  std::byte* dst = nullptr;
  std::int64_t src_step = 4, dst_step = 1;  ///< bytes from pixel to pixel
  std::int64_t pixels = 1, kernel_h = 1;
  std::int64_t units = 1;                                                    ///< fours of numbers of a row under the window
  const std::byte *weights = nullptr, *next = nullptr, *next_end = nullptr;  ///< next: will be wanted behind this run
  const DenseBlock* block = nullptr;
  DenseOut out = DenseOut::U8;
  std::int32_t out_zero = 0;
  bool signed_input = false;
  DenseResidual residual_type = DenseResidual::None;
  float residual_scale = 0;
  bool plain = false;  ///< unsigned numbers and residuals, and unsigned results that may be 0 with zero point 0
};

namespace avx512vnni {
void run_dense(const DenseRun& run) noexcept;
}

}  // namespace inc::kernels
