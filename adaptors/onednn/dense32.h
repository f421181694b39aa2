#pragma once
// Groups around Conv, MatMul and Gemm in kernels/dense32.
#include "adaptors/onednn/linear.h"
#include "kernels/dense32/dense32.h"

namespace inc::onednn {

/// The anchor's product as the kernel sees it.
struct Dense32Form {
  kernels::StemShape shape;
  kernels::Dense32Weights strides;  ///< without data
  Desc src, dst;
  ir::ValueId bias;
};

/// Makes the step of an FP32 group; false where the library's takes as long or less, or the group has more to it than the
/// kernel does.
bool emit_products(Builder& builder, const Anchor& anchor, const Dense32Form& form);

}  // namespace inc::onednn
