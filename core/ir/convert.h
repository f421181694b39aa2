#pragma once
// Tensors in another floating-point type.
#include "core/ir/tensor.h"

namespace inc::ir {

/// FP32 as BF16, rounded to nearest even, or FP16 as FP32. Of data that are stored elsewhere nothing is kept: they are read
/// and converted when they are asked for.
Tensor converted(const Tensor& tensor, DType to);

}  // namespace inc::ir
