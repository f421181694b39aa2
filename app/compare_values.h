#pragma once
// Arithmetic of `compare` on tensors.
#include <map>
#include <optional>
#include <vector>

#include "app/compare.h"
#include "core/ir/graph.h"

namespace inc::app {

using Values = std::map<ir::ValueId, ir::Tensor>;

/// What B multiplies each channel of a value by.
struct ChannelFactors {
  int axis = 1;
  std::vector<float> factor;
};

/// Adds B's tensor to what is known; `factors` are divided out of it. Both of one shape and FP32.
void add(Closeness& sum, const ir::Tensor& a, const ir::Tensor& b, const ChannelFactors* factors = nullptr);

/// FP32 from BF16 and FP16; other tensors as they are.
ir::Tensor as_fp32(const ir::Tensor& tensor);
/// FP32 to that type, where it is another one of floating point.
ir::Tensor as_type(const ir::Tensor& tensor, DType dtype);
ChannelFactors inverse(ChannelFactors factors);
ir::Tensor multiplied(const ir::Tensor& tensor, const ChannelFactors& factors);

/// Per channel the number that brings A closest to B, in least squares; 1 where A is zero. Nothing where they are all 1 up
/// to 2 %, where one is not positive, or where the tensors have no such axis.
std::optional<ChannelFactors> fitted_factors(const ir::Tensor& a, const ir::Tensor& b, int axis);

}  // namespace inc::app
