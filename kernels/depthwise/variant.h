#pragma once
// What the variants of the family tell the packer.
#include "kernels/depthwise/depthwise.h"
#include "kernels/variants.h"

namespace inc::kernels {

/// What a sweep reads and writes. Constants are stored block by block, `lanes` to a block.
struct DepthwiseJob {
  DepthwiseShape shape;
  const std::byte* src = nullptr;
  std::byte* dst = nullptr;
  const std::byte *weights = nullptr, *init = nullptr, *pad = nullptr;
  const float *scale = nullptr, *shift = nullptr;
  const void *low = nullptr, *high = nullptr;  ///< FP32, or u8: see out_zero
  std::int64_t weight_bytes = 0;               ///< of one block
  std::int64_t blocks = 1;
  std::int64_t rows = 1, strips = 1;  ///< output rows of a strip; strips of one call
  const DepthwisePart* parts = nullptr;
  std::int64_t slots = 1, scratch_width = 0;  ///< pairs of input rows under a window; pixels of a row in scratch
  std::int32_t input_zero = 0;
  std::int32_t out_zero = 0;  ///< of u8 output; s8 output is u8 output with the highest bit turned
  std::uint8_t flip_in = 0, flip_out = 0;
  bool real = false;  ///< FP32 output
};
using DepthwiseSweep = decltype(Depthwise8::sweep);

/// How a sweep wants its weights. Taps: FP32, one number per tap and channel. Pairs: 16 bits, two input rows interleaved,
/// for the first and the second row of a pair of output rows. Quads: bytes of four input rows interleaved.
enum class DepthwiseForm : std::uint8_t { Taps, Pairs, Quads };

struct DepthwiseVariant {
  DepthwiseSweep sweep = nullptr;
  std::int64_t lanes = 1, rows = 1;
  DepthwiseForm form = DepthwiseForm::Taps;
  std::int64_t blocks = 1;  ///< most of one call
  std::int64_t slots = 1, scratch_width = 0, scratch_bytes = 0;
};

INC_KERNEL_DECLARE(DepthwiseVariant depthwise_variant(const DepthwiseGroup& group))

namespace avx512vnni {
/// No sweep where the form is not its own.
DepthwiseVariant depthwise_variant(const DepthwiseGroup& group);
}  // namespace avx512vnni

}  // namespace inc::kernels
