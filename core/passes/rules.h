#pragma once
// Every rule and pass, one file each: cleanup/, expand/, fuse/, lower/, strip/. The order they run in is pipelines.cpp's.
#include <memory>

#include "core/passes/pass.h"

namespace inc::passes {

std::unique_ptr<const Pass> eliminate_dead_code();  ///< nodes nobody uses
std::unique_ptr<const Pass> infer_shapes();         ///< dimensions that type inference left open
std::unique_ptr<const Pass> fold_constants();       ///< nodes all of whose inputs are constant
std::unique_ptr<const Pass> merge_duplicates();     ///< equal nodes with equal inputs
Rule fold_shapes();                                 ///< integers that follow from known dimensions
Rule fold_reshape_target();                         ///< Reshape to a computed shape with one open dimension
Rule eliminate_identity();                          ///< nodes that return their input
Rule eliminate_expand();                            ///< Expand whose broadcasting the consumer does itself
Rule eliminate_pad_count();                         ///< averages that include the pads of a window that has none

Rule fuse_one_hot();      ///< rows of a table instead of a product with one-hot rows
Rule fuse_slices_conv();  ///< a convolution over all phases of an image ("focus") as one with a larger stride
Rule fuse_pad_conv();
Rule fuse_batch_normalization_conv();
Rule fuse_conv_batch_normalization();
Rule fuse_scale();
Rule fuse_bias();
Rule fuse_residual();
Rule fuse_relu_clip();
Rule fuse_hard_swish();
Rule fuse_silu();
Rule fuse_activation();
Rule fuse_gelu();
Rule fuse_gelu_tanh();
Rule fuse_layer_normalization();
Rule fuse_rms_normalization();
Rule fuse_normalization_scale();
Rule fuse_normalization_bias();

Rule expand_qlinear_conv();  ///< quantized operators become Q/DQ around the operator over floats
Rule expand_qlinear_matmul();
Rule expand_integer_product();  ///< MatMulInteger or ConvInteger, Cast, Mul
Rule expand_movement();         ///< operators that move 8-bit data
/// Einsum of one or two operands without "..." and repeated letters, as Transpose, ReduceSum, Reshape, Mul and MatMul. A
/// contracted dimension that nobody knows is taken to be that of the other operand, not 1.
Rule expand_einsum();

Rule lower_group();
Rule lower_bfloat16();
Rule lower_gelu();
Rule lower_hard_swish();
Rule lower_layer_normalization();
Rule lower_rms_normalization();
Rule lower_qlinear_conv();
Rule lower_qlinear_matmul();
Rule lower_movement();
Rule lower_matmul_integer();
Rule lower_conv_integer();

Rule strip_pair();      ///< QuantizeLinear and DequantizeLinear of activations, a hidden Relu or Clip put back
Rule strip_movement();  ///< parts of constants, as of an embedding table
Rule strip_constant();  ///< weights and biases

}  // namespace inc::passes
