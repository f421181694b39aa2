#pragma once
// Reading QuantizeLinear and DequantizeLinear around a node.
#include <optional>
#include <vector>

#include "adaptors/onednn/builder.h"
#include "kernels/quantize/quantize.h"

namespace inc::onednn {

/// One scale and zero point for a whole tensor.
struct TensorScale {
  float scale = 1;
  std::int32_t zero_point = 0;
  DType dtype = DType::UInt8;
  bool operator==(const TensorScale&) const = default;
};

/// As our own kernels want it.
kernels::Affine8 affine(const TensorScale& scale);

/// Of a QuantizeLinear or DequantizeLinear node with constant per-tensor parameters and an 8-bit type.
std::optional<TensorScale> tensor_scale(const Builder& builder, const ir::Node& node);

/// 8-bit data behind a pending DequantizeLinear.
struct Dequantized {
  ir::ValueId q;
  TensorScale scale;
  ir::ValueId run_scale, run_zero;  ///< where they are computed at run time; then `scale` is 1 and 0
};
std::optional<Dequantized> dequantized(const Builder& builder, ir::ValueId value);
/// The same where one scale and one zero point for the whole tensor are values of the graph.
std::optional<Dequantized> dequantized_at_run_time(const Builder& builder, ir::ValueId value);
/// Slots of a scale and zero point of the run: FP32 and int32, one element each; the zero point is -1 where there is none.
std::pair<int, int> run_time_scale(Builder& builder, const Dequantized& input);

/// The one node that reads a value of the graph, once, when nobody outside the plan sees it; nullptr otherwise.
const ir::Node* only_user(const Builder& builder, ir::ValueId value);

/// All users of a value are QuantizeLinear nodes with the same parameters, so it need not exist in FP32.
struct Sink {
  std::vector<const ir::Node*> nodes;
  TensorScale scale;
};
std::optional<Sink> quantized_sink(const Builder& builder, ir::ValueId value);

/// An operator on a value and constants: one, or one per index of one axis.
struct Factors {
  const ir::Node* node = nullptr;
  ir::ValueId x, y;
  std::vector<float> values;
  int axis = -1;  ///< -1: one value
};
/// Of a node with two inputs, whatever it does with them, that gives FP32 in the shape of the value.
std::optional<Factors> constants_of(const Builder& builder, const ir::Node& node);
/// Of a Mul.
std::optional<Factors> factors(const Builder& builder, const ir::Node& node);
/// The same where the Mul is the only one that sees `value`.
std::optional<Factors> only_factors(const Builder& builder, ir::ValueId value);

/// Binds the outputs of the sink's nodes to `slot` and marks the nodes done.
void bind_sink(Builder& builder, const Sink& sink, int slot);

/// 8-bit weights behind a DequantizeLinear, as scale * (q - zero_point): [one scale] or [one per output channel].
/// q is int8; zero points are subtracted from it where the differences are int8 again, otherwise `zero_point` is what
/// remains.
struct QuantizedWeights {
  ir::ValueId q;
  std::vector<float> scale;
  std::int32_t zero_point = 0;
};
/// Constant 8-bit integers minus their zero points (nullptr: none), one or one per index of `axis`, as above but unscaled.
std::optional<QuantizedWeights> centered_weights(Builder& builder, ir::ValueId q, const ir::Tensor* zero_point, int axis);

/// Nothing, and the reason in `why_not`, when the weight is not such.
std::optional<QuantizedWeights> quantized_weights(Builder& builder, ir::ValueId value, int channel_axis,
                                                  std::string& why_not);

}  // namespace inc::onednn
