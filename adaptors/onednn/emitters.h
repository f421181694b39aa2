#pragma once
// Who makes the steps of an operator. Each emitter answers whether it took the node; what none takes runs as a generic
// scalar step.
#include <string_view>

#include "adaptors/onednn/builder.h"

namespace inc::onednn {

bool emit_linear(Builder& builder, const ir::Node& node);     ///< Conv, MatMul, Gemm and their groups
bool emit_depthwise(Builder& builder, const ir::Node& node);  ///< one filter per channel in INT8, and in FP32 with AVX2
bool emit_stem(Builder& builder, const ir::Node& node);       ///< few input channels in INT8, with AVX2
bool emit_stem32(Builder& builder, const ir::Node& node);     ///< the same in FP32 and BF16
bool emit_dense(Builder& builder, const ir::Node& node);      ///< one group in INT8, with AVX2
bool emit_winograd(Builder& builder, const ir::Node& node);   ///< 3×3 windows in FP32 and BF16
bool emit_dense32(Builder& builder, const ir::Node& node);    ///< 1×1 windows in FP32, with AVX2
bool emit_convolution(Builder& builder, const ir::Node& node);
bool emit_deconvolution(Builder& builder, const ir::Node& node);
bool emit_matmul(Builder& builder, const ir::Node& node);
bool emit_recurrent(Builder& builder, const ir::Node& node);  ///< LSTM, GRU, RNN
bool emit_global_pool(Builder& builder, const ir::Node& node);
bool emit_pool(Builder& builder, const ir::Node& node);
bool emit_max8(Builder& builder, const ir::Node& node);      ///< MaxPool of 8-bit data
bool emit_average8(Builder& builder, const ir::Node& node);  ///< averages between DequantizeLinear and QuantizeLinear
bool emit_line(Builder& builder, const ir::Node& node);      ///< Mul by constants, BatchNormalization, and what follows
bool emit_elementwise(Builder& builder, const ir::Node& node);
bool emit_movement(Builder& builder, const ir::Node& node);
bool emit_resize(Builder& builder, const ir::Node& node);  ///< by interpolation
bool emit_normalize(Builder& builder, const ir::Node& node);
bool emit_instance_norm(Builder& builder, const ir::Node& node);  ///< over the pixels of channels or groups of them
bool emit_reduce(Builder& builder, const ir::Node& node);
/// QuantizeLinear and DequantizeLinear on their own.
bool emit_quantization(Builder& builder, const ir::Node& node);
/// Operators between DequantizeLinear and QuantizeLinear that run on the 8-bit data.
bool emit_in_8_bits(Builder& builder, const ir::Node& node);
/// Reserves every softmax between two matrix products, with what scales, masks and moves heads around them, as one step.
void reserve_attention(Builder& builder);
/// Reserves such convolutions of a quantized FP32 input of the graph together with the quantization.
void reserve_stems(Builder& builder);
void emit_generic(Builder& builder, const ir::Node& node);

/// Dequantizes the pending value into a new row-major FP32 slot.
void emit_dequantize(Builder& builder, const ir::Node& node);

}  // namespace inc::onednn
