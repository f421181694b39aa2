#include "adaptors/onednn/qdq.h"

#include <algorithm>

namespace inc::onednn {

kernels::Affine8 affine(const TensorScale& s) {
  return {s.scale, s.zero_point, s.dtype == DType::Int8};
}

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
  return Dequantized{node->inputs[0], *scale, {}, {}};
}

std::optional<Dequantized> dequantized_at_run_time(const Builder& b, ir::ValueId value) {
  if (value.none() || !b.graph().alive(value) || b.is_known(value)) return std::nullopt;
  const ir::Node* node = b.graph().producer(value);
  if (node == nullptr || node->op != "DequantizeLinear" || b.dtype(value) != DType::Float) return std::nullopt;
  const DType type = b.dtype(node->inputs[0]);
  const auto single = [&](ir::ValueId v) { return v.none() || ir::element_count(b.shape(v)) == 1; };
  if ((type != DType::UInt8 && type != DType::Int8) || !single(node->input(1)) || !single(node->input(2)))
    return std::nullopt;
  return Dequantized{node->inputs[0], {1.0f, 0, type}, node->input(1), node->input(2)};
}

std::pair<int, int> run_time_scale(Builder& b, const Dequantized& input) {
  const int scale = b.view(b.plain(input.run_scale), DType::Float, {1});
  if (input.run_zero.none()) return {scale, -1};
  return {scale, b.view(b.in(input.run_zero, plain_desc(DType::Int32, b.shape(input.run_zero))), DType::Int32, {1})};
}

const ir::Node* only_user(const Builder& b, ir::ValueId value) {
  if (!b.graph().alive(value) || b.observed(value) || b.graph().value(value).consumers.size() != 1) return nullptr;
  return &b.graph().node(b.graph().value(value).consumers[0]);
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

std::optional<Factors> factors(const Builder& b, const ir::Node& node) {
  return node.op == "Mul" ? constants_of(b, node) : std::nullopt;
}

std::optional<Factors> constants_of(const Builder& b, const ir::Node& node) {
  if (node.inputs.size() != 2 || b.dtype(node.inputs[0]) != DType::Float) return std::nullopt;
  const std::size_t at = b.is_known(node.inputs[0]) ? 0 : 1;
  const ir::Tensor* values = b.known(node.inputs[at]);
  Factors f{&node, node.inputs[1 - at], node.outputs[0], {}, -1};
  const ir::Shape& shape = b.shape(f.x);
  if (values == nullptr || b.is_known(f.x) || b.shape(f.y) != shape) return std::nullopt;
  const std::size_t rank = values->shape().size(), lead = shape.size() - rank;
  for (std::size_t i = 0; i < rank; ++i) {
    if (values->shape()[i] == 1) continue;
    if (f.axis >= 0) return std::nullopt;
    f.axis = static_cast<int>(lead + i);
  }
  f.values = values->to_floats();
  return f;
}

std::optional<Factors> only_factors(const Builder& b, ir::ValueId value) {
  const ir::Node* user = only_user(b, value);
  auto f = user != nullptr ? factors(b, *user) : std::nullopt;
  return f && f->x == value ? f : std::nullopt;
}

void bind_sink(Builder& b, const Sink& sink, int slot) {
  for (const ir::Node* node : sink.nodes) {
    b.bind(node->outputs[0], slot);
    b.mark_done(node->id);
  }
}

std::optional<QuantizedWeights> centered_weights(Builder& b, ir::ValueId q, const ir::Tensor* zero_point, int axis) {
  const ir::Tensor& stored = *b.known(q);
  const std::vector<std::int64_t> zeros = zero_point != nullptr ? zero_point->to_int64s() : std::vector<std::int64_t>{0};
  const bool none = std::all_of(zeros.begin(), zeros.end(), [](std::int64_t z) { return z == 0; });
  if (none && stored.dtype() == DType::Int8) return QuantizedWeights{q, {}, 0};
  const ir::Shape& shape = stored.shape();
  std::int64_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) inner *= shape[i];
  const auto channels = static_cast<std::int64_t>(zeros.size());
  std::vector<std::int64_t> values = stored.to_int64s();
  const auto centered = [&](std::size_t i) {
    return values[i] - zeros[static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels)];
  };
  bool fits = true;
  for (std::size_t i = 0; i < values.size(); ++i) fits = fits && centered(i) >= -128 && centered(i) <= 127;
  if (!fits && channels != 1) return std::nullopt;
  const std::int64_t shift = stored.dtype() == DType::UInt8 ? 128 : 0;
  ir::Tensor out(DType::Int8, shape);
  auto* to = out.mutable_data<std::int8_t>();
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<std::int8_t>(fits ? centered(i) : values[i] - shift);
  return QuantizedWeights{b.add_known(std::move(out)), {}, fits ? 0 : static_cast<std::int32_t>(zeros[0] - shift)};
}

std::optional<QuantizedWeights> quantized_weights(Builder& b, ir::ValueId value, int channel_axis, std::string& why_not) {
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
  const DType type = b.dtype(node->inputs[0]);
  if (type != DType::Int8 && type != DType::UInt8) {
    why_not = "the weight is " + std::string(name_of(type)) + ", not int8 or uint8";
  } else if (scale == nullptr || scale->dtype() != DType::Float || node->attrs.integer("block_size", 0) != 0) {
    why_not = "the weight scale is not a constant per tensor or channel";
  } else if (scale->count() != 1 && (axis != channel_axis || scale->count() != shape[static_cast<std::size_t>(axis)])) {
    why_not = "the weight scales do not run along the output channels";
  }
  if (!why_not.empty()) return std::nullopt;
  auto weights = centered_weights(b, node->inputs[0], zero, channel_axis);
  if (!weights) {
    why_not = "weights minus their zero points need more than 8 bits";
    return std::nullopt;
  }
  weights->scale = scale->to_floats();
  return weights;
}

}  // namespace inc::onednn
