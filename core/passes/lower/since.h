#pragma once
// The opsets at which ONNX introduced the operators that are used at every opset inside the house.
#include <cstdint>

#include "core/base/support.h"
#include "core/ir/graph.h"

namespace inc::passes {

constexpr std::int64_t kHardSwishOpset = 14;
constexpr std::int64_t kLayerNormalizationOpset = 17;
constexpr std::int64_t kGeluOpset = 20;
constexpr std::int64_t kRmsNormalizationOpset = 23;

/// Whether the model's opset lacks the operator that makes `y`. BF16 ones are widened to FP32 first (lower_bfloat16).
inline Support too_new(const ir::Graph& graph, ir::ValueId y, std::int64_t since) {
  const bool widened = graph.value(y).type.dtype != DType::BFloat16;
  return widened && graph.opset < since ? Support::yes() : Support::no("");
}

}  // namespace inc::passes
