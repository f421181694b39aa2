#include "adaptors/onednn/qdq.h"

#include <algorithm>

namespace inc::onednn {

std::optional<TensorScale> tensor_scale(const Builder& b, const ir::Node& node) {
  const ir::Tensor* scale = b.known(node.input(1));
  const ir::Tensor* zero = b.known(node.input(2));
  if (scale == nullptr || scale->count() != 1 || scale->dtype() != DType::Float) return std::nullopt;
  if (!node.input(2).none() && (zero == nullptr || zero->count() != 1)) return std::nullopt;
  TensorScale result;
  result.scale = scale->data<float>()[0];
  const bool quantize = node.op == "QuantizeLinear";
  result.dtype = b.dtype(quantize ? node.outputs[0] : node.inputs[0]);
  if (b.dtype(quantize ? node.inputs[0] : node.outputs[0]) != DType::Float) return std::nullopt;
  if (result.dtype != DType::UInt8 && result.dtype != DType::Int8) return std::nullopt;
  if (zero != nullptr) result.zero_point = static_cast<std::int32_t>(zero->to_int64s()[0]);
  return result;
}

std::optional<Dequantized> dequantized(const Builder& b, ir::ValueId value) {
  if (value.none() || !b.graph().alive(value) || b.is_known(value)) return std::nullopt;
  const ir::Node* node = b.graph().producer(value);
  if (node == nullptr || node->op != "DequantizeLinear") return std::nullopt;
  const auto scale = tensor_scale(b, *node);
  if (!scale) return std::nullopt;
  return Dequantized{node->inputs[0], *scale};
}

std::optional<Sink> quantized_sink(const Builder& b, ir::ValueId value) {
  if (!b.graph().alive(value) || b.observed(value)) return std::nullopt;
  Sink sink;
  for (const ir::NodeId id : b.graph().value(value).consumers) {
    const ir::Node& user = b.graph().node(id);
    if (user.op != "QuantizeLinear" || user.inputs[0] != value) return std::nullopt;
    const auto scale = tensor_scale(b, user);
    if (!scale || (!sink.nodes.empty() && *scale != sink.scale)) return std::nullopt;
    sink.scale = *scale;
    sink.nodes.push_back(&user);
  }
  if (sink.nodes.empty()) return std::nullopt;
  return sink;
}

void bind_sink(Builder& b, const Sink& sink, int slot) {
  for (const ir::Node* node : sink.nodes) {
    b.bind(node->outputs[0], slot);
    b.mark_done(node->id);
  }
}

std::optional<QuantizedWeights> quantized_weights(const Builder& b, ir::ValueId value, int channel_axis,
                                                  std::string& why_not) {
  const ir::Node* node = value.none() ? nullptr : b.graph().producer(value);
  if (node == nullptr || node->op != "DequantizeLinear" || !b.is_known(node->inputs[0])) {
    why_not = "the weight is not a dequantized constant";
    return std::nullopt;
  }
  const ir::Tensor* scale = b.known(node->input(1));
  const ir::Tensor* zero = b.known(node->input(2));
  const ir::Shape& shape = b.shape(value);
  std::int64_t axis = node->attrs.integer("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
  if (b.dtype(node->inputs[0]) != DType::Int8) {
    why_not = "the weight is " + std::string(name_of(b.dtype(node->inputs[0]))) + ", not int8";
  } else if (scale == nullptr || scale->dtype() != DType::Float || node->attrs.integer("block_size", 0) != 0) {
    why_not = "the weight scale is not a constant per tensor or channel";
  } else if (scale->count() != 1 && (axis != channel_axis || scale->count() != shape[static_cast<std::size_t>(axis)])) {
    why_not = "the weight scales do not run along the output channels";
  } else if (zero != nullptr) {
    for (const std::int64_t z : zero->to_int64s())
      if (z != 0) why_not = "the weight has a zero point";
  }
  if (!why_not.empty()) return std::nullopt;
  return QuantizedWeights{node->inputs[0], scale->to_floats()};
}

}  // namespace inc::onednn
