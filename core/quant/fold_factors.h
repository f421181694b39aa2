#pragma once
// Moves the multiplications of channel factors into what is before them.
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"

namespace inc::quant {

/// Whether the node that makes the value can multiply each channel of it by a positive number exactly, up to rounding, by
/// its parameters alone: a Conv, MatMul or Gemm whose weight and bias are constants or DequantizeLinears of constants with
/// one scale per output channel, that adds no residual and ends in nothing, relu or leaky_relu; or a LayerNormalization or
/// RMSNormalization over the last axis with constant parameters. The value must be read `readers` times and be no output.
/// `broadcast`: shape of the numbers over the value.
Support takes_factors(const ir::Graph& graph, ir::ValueId value, std::size_t readers, const ir::Shape& broadcast);

/// Each of `products` is the result of Mul(x, positive constant). Where the producer of x takes the constant, its parameters
/// are multiplied and the Mul goes away: FP32 parameters themselves, of quantized ones the scales (integers unchanged).
/// x then is what the Mul's result was: a tap on it sees x times the constant.
void fold_factors(ir::Graph& graph, const std::vector<ir::ValueId>& products);

}  // namespace inc::quant
