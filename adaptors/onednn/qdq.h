#pragma once
// Reading QuantizeLinear and DequantizeLinear around a node.
#include <optional>
#include <vector>

#include "adaptors/onednn/builder.h"

namespace inc::onednn {

/// One scale and zero point for a whole tensor.
struct TensorScale {
  float scale = 1;
  std::int32_t zero_point = 0;
  DType dtype = DType::UInt8;
  bool operator==(const TensorScale&) const = default;
};

/// Of a QuantizeLinear or DequantizeLinear node with constant per-tensor parameters and an 8-bit type.
std::optional<TensorScale> tensor_scale(const Builder& builder, const ir::Node& node);

/// 8-bit data behind a pending DequantizeLinear.
struct Dequantized {
  ir::ValueId q;
  TensorScale scale;
};
std::optional<Dequantized> dequantized(const Builder& builder, ir::ValueId value);

/// All users of a value are QuantizeLinear nodes with the same parameters, so it need not exist in FP32.
struct Sink {
  std::vector<const ir::Node*> nodes;
  TensorScale scale;
};
std::optional<Sink> quantized_sink(const Builder& builder, ir::ValueId value);

/// Binds the outputs of the sink's nodes to `slot` and marks the nodes done.
void bind_sink(Builder& builder, const Sink& sink, int slot);

/// An int8 weight behind a DequantizeLinear: [one scale] or [one per output channel], no zero points.
struct QuantizedWeights {
  ir::ValueId q;
  std::vector<float> scale;
};
/// Nothing, and the reason in `why_not`, when the weight is not such.
std::optional<QuantizedWeights> quantized_weights(const Builder& builder, ir::ValueId value, int channel_axis,
                                                  std::string& why_not);

}  // namespace inc::onednn
