#pragma once
// Groups around Conv, MatMul and Gemm in kernels/integer.
#include "adaptors/onednn/linear.h"
#include "kernels/integer/integer.h"

namespace inc::onednn {

/// The anchor's product as the kernel sees it.
struct IntegerForm {
  kernels::IntegerShape shape;
  kernels::IntegerWeights strides;  ///< without data
  Desc src, dst;                    ///< layouts of the values, whatever the element type
  ir::ValueId bias;
  float alpha = 1;  ///< factor of the sums
};

/// Makes the step of a group of 8-bit data and weights whose sums the library would not form exactly, or not as integers
/// (the anchor's note says why), or takes longer for (kernels::faster_than_library), and empties the note. False where the
/// kernel would not be faster than FP32 (one or few channels per group), or sums could exceed int32.
bool emit_integers(Builder& builder, Anchor& anchor, const IntegerForm& form);

}  // namespace inc::onednn
