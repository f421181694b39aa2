#include <algorithm>
#include <set>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/qdq.h"
#include "adaptors/onednn/walk.h"
#include "core/ops/ops.h"
#include "kernels/quantize/quantize.h"

namespace inc::onednn {
namespace {

/// A slot of another 8-bit or FP32 type in the memory order of `from`.
int make_like(Builder& b, ir::ValueId value, int from, DType type) {
  const Desc& desc = b.slot(from).desc;
  if (desc.is_zero() || is_plain(desc)) return b.make(value);
  return b.make(value, like(desc, *data_type(type), b.shape(value)));
}

/// Parameters along one axis: rows of `channels` blocks of `inner`.
struct Channels {
  std::int64_t outer = 1, channels = 1, inner = 1;
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  bool is_signed = false;
};

std::optional<Channels> channels_of(const Builder& b, const ir::Node& node) {
  const ir::Tensor *scale = b.known(node.input(1)), *zero = b.known(node.input(2));
  if (scale == nullptr || scale->dtype() != DType::Float || (!node.input(2).none() && zero == nullptr)) return std::nullopt;
  const bool quantize = node.op == "QuantizeLinear";
  const DType type = b.dtype(quantize ? node.outputs[0] : node.inputs[0]);
  const DType real = b.dtype(quantize ? node.inputs[0] : node.outputs[0]);
  if ((type != DType::UInt8 && type != DType::Int8) || real != DType::Float) return std::nullopt;
  const ir::Shape& shape = b.shape(node.inputs[0]);
  const auto axis = static_cast<std::size_t>(normal_axis(node.attrs.integer("axis", 1), shape.size()));
  if (node.attrs.integer("block_size", 0) != 0 || scale->rank() != 1 || axis >= shape.size() ||
      scale->count() != shape[axis])
    return std::nullopt;
  Channels c;
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? c.outer : i == axis ? c.channels : c.inner) *= shape[i];
  c.scale = scale->to_floats();
  c.zero_point.assign(c.scale.size(), 0);
  if (zero != nullptr) {
    const auto values = zero->to_int64s();
    std::copy(values.begin(), values.end(), c.zero_point.begin());
  }
  c.is_signed = type == DType::Int8;
  return c;
}

Step& in_8_bits(Step& step) {
  step.profile.precision = "int8";
  return step;
}

void lookup(Builder& b, const ir::Node& node, ir::ValueId from_value, ir::ValueId to_value, const ir::Tensor& table,
            DType to_type) {
  const int from = b.permuted(from_value), to = make_like(b, to_value, from, to_type);
  const std::int64_t count = ir::element_count(b.shape(from_value));
  in_8_bits(b.step(node, "inc:lookup8:scalar", {from}, {to},
                   [=](Frame& f) { kernels::lookup8(f.at(from), f.at(to), count, table.raw()); }));
}

/// table[bits of q] = the sink's value of fn applied to the dequantized q.
ir::Tensor make_table(const Builder& b, const ir::Node* node, const TensorScale& in, const TensorScale& out) {
  ir::Tensor real(DType::Float, {256});
  for (int i = 0; i < 256; ++i) {
    const std::int32_t q = in.dtype == DType::Int8 ? static_cast<std::int8_t>(i) : i;
    real.mutable_data<float>()[i] = in.scale * static_cast<float>(q - in.zero_point);
  }
  if (node != nullptr) {
    std::vector<ir::Tensor> inputs{real};
    for (std::size_t i = 1; i < node->inputs.size(); ++i)
      inputs.push_back(node->inputs[i].none() ? ir::Tensor() : *b.known(node->inputs[i]));
    real = ops::evaluate(*node, inputs, b.graph().opset)[0];
  }
  ir::Tensor table(DType::UInt8, {256});
  kernels::quantize(real.data<float>(), table.mutable_raw(), 256, affine(out));
  return table;
}

bool is_pass_through(const ir::Node& node) {
  static const std::set<std::string, std::less<>> ops = {
      "Reshape",       "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout",  "Transpose",    "Slice",       "MaxPool",
      "GlobalMaxPool", "Expand",  "Tile",    "Gather",    "Resize",   "Upsample", "DepthToSpace", "SpaceToDepth"};
  const bool nearest = (node.op != "Resize" && node.op != "Upsample") || node.attrs.text("mode", "nearest") == "nearest";
  return ops.contains(node.op) && nearest;
}

bool is_unary(const Builder& b, const ir::Node& node) {
  static const std::set<std::string, std::less<>> ops = {
      "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Gelu", "Elu", "Exp",
      "Sqrt", "Abs",  "Neg",       "Swish",   "Erf",  "Softplus",    "Mish",      "Selu", "Celu"};
  return ops.contains(node.op) &&
         std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ir::ValueId v) { return v.none() || b.is_known(v); });
}

/// The node with its data input and output replaced by the 8-bit values.
ir::Node on_8_bits(const ir::Node& node, ir::ValueId q, const Sink& sink) {
  ir::Node changed = node;
  changed.inputs[0] = q;
  changed.outputs = {sink.nodes.front()->outputs[0]};
  return changed;
}

bool run_on_8_bits(Builder& b, const ir::Node& changed, const Sink& sink) {
  if (!emit_pool(b, changed) && !emit_movement(b, changed)) emit_generic(b, changed);
  for (std::size_t i = 0; i < sink.nodes.size(); ++i) {
    if (i > 0) b.bind(sink.nodes[i]->outputs[0], b.any(changed.outputs[0]));
    b.mark_done(sink.nodes[i]->id);
  }
  return true;
}

bool pad_8_bits(Builder& b, const ir::Node& node, const Dequantized& in, const Sink& sink) {
  if (node.attrs.text("mode", "constant") == "constant") {
    float value = node.attrs.real("value", 0.0f);
    if (!node.input(2).none()) {
      if (b.known(node.input(2)) == nullptr) return false;
      value = b.known(node.input(2))->to_floats()[0];
    }
    ir::Tensor q(in.scale.dtype, {});
    kernels::quantize(&value, q.mutable_raw(), 1, affine(in.scale));
    ir::Node changed = on_8_bits(node, in.q, sink);
    if (changed.inputs.size() < 2) return false;
    changed.inputs.resize(std::max<std::size_t>(3, changed.inputs.size()));
    changed.inputs[2] = b.add_known(q);
    return run_on_8_bits(b, changed, sink);
  }
  return run_on_8_bits(b, on_8_bits(node, in.q, sink), sink);
}

bool combine_8_bits(Builder& b, const ir::Node& node, const Dequantized& in, const Sink& sink) {
  const auto other = dequantized(b, node.input(1));
  if (!other || node.inputs.size() != 2 || b.shape(node.inputs[0]) != b.shape(node.inputs[1])) return false;
  int x = b.permuted(in.q), y = b.permuted(other->q);
  const Desc dx = b.slot(x).desc, dy = b.slot(y).desc;
  if (memory_order(dx, b.shape(in.q).size()) != memory_order(dy, b.shape(in.q).size())) {
    const Desc wanted = is_plain(dx) ? dy : dx;
    x = b.in(in.q, like(wanted, dx.get_data_type(), b.shape(in.q)));
    y = b.in(other->q, like(wanted, dy.get_data_type(), b.shape(in.q)));
  }
  const int to = make_like(b, sink.nodes.front()->outputs[0], x, sink.scale.dtype);
  const bool product = node.op == "Mul";
  const kernels::Affine8 as_x = affine(in.scale), as_y = affine(other->scale), as_out = affine(sink.scale);
  const std::int64_t count = ir::element_count(b.shape(in.q));
  in_8_bits(b.step(node, "inc:combine8", {x, y}, {to},
                   [=](Frame& f) { kernels::combine8(f.at(x), as_x, f.at(y), as_y, f.at(to), as_out, count, product); }));
  for (std::size_t i = 0; i < sink.nodes.size(); ++i) {
    if (i > 0) b.bind(sink.nodes[i]->outputs[0], to);
    b.mark_done(sink.nodes[i]->id);
  }
  return true;
}

void quantize_all(Builder& b, const ir::Node& node, ir::ValueId from_value, ir::ValueId to_value, const TensorScale& scale) {
  const int from = b.permuted(from_value), to = make_like(b, to_value, from, scale.dtype);
  const std::int64_t count = ir::element_count(b.shape(from_value));
  b.step(node, "inc:quantize", {from}, {to},
         [=, as = affine(scale)](Frame& f) { kernels::quantize(f.as<float>(from), f.at(to), count, as); });
}

/// Each part is quantized on its own: bytes are joined, not numbers.
bool concat_8_bits(Builder& b, const ir::Node& node) {
  const auto sink = quantized_sink(b, node.outputs[0]);
  if (!sink || b.dtype(node.outputs[0]) != DType::Float) return false;
  ir::Node changed = node;
  for (ir::ValueId& input : changed.inputs) {
    const auto in = dequantized(b, input);
    if (in && in->scale == sink->scale) {
      input = in->q;
      continue;
    }
    const ir::ValueId q = b.add_value(sink->scale.dtype, b.shape(input));
    if (in)
      lookup(b, node, in->q, q, make_table(b, nullptr, in->scale, sink->scale), sink->scale.dtype);
    else
      quantize_all(b, node, input, q, sink->scale);
    input = q;
  }
  changed.outputs = {sink->nodes.front()->outputs[0]};
  return run_on_8_bits(b, changed, *sink);
}

/// Convolutions of 8-bit data read channels last.
bool is_convolved(const Builder& b, ir::ValueId q) {
  const auto& users = b.graph().value(q).consumers;
  return !users.empty() && std::all_of(users.begin(), users.end(), [&](ir::NodeId id) {
    const ir::Node& user = b.graph().node(id);
    if (user.op != "DequantizeLinear") return user.op == "ConvInteger";
    const auto& readers = b.graph().value(user.outputs[0]).consumers;
    return std::all_of(readers.begin(), readers.end(), [&](ir::NodeId r) { return b.graph().node(r).op.ends_with("Conv"); });
  });
}

/// The image a network begins with: few channels, outermost, and convolved next.
bool quantize_pixels(Builder& b, const ir::Node& node, const TensorScale& scale) {
  const ir::Shape& shape = b.shape(node.inputs[0]);
  if (shape.size() != 4 || shape[1] < 2 || shape[1] > 4 || shape[2] * shape[3] == 1) return false;
  const int from = b.any(node.inputs[0]);
  if (!is_plain(b.slot(from).desc) || !is_convolved(b, node.outputs[0])) return false;
  const int to = b.make(node.outputs[0], channels_last_desc(scale.dtype, shape));
  in_8_bits(b.step(node, "inc:quantize_pixels", {from}, {to}, [=, as = affine(scale)](Frame& f) {
    kernels::quantize_pixels(f.as<float>(from), f.at(to), shape[0], shape[1], shape[2] * shape[3], as);
  }));
  return true;
}

/// The zero point is made as int32 too, as the library takes it.
bool quantize_to_range(Builder& b, const ir::Node& node) {
  if (node.outputs.size() != 3 || std::any_of(node.outputs.begin(), node.outputs.end(), [](auto v) { return v.none(); }))
    return false;
  const int from = b.permuted(node.inputs[0]), to = make_like(b, node.outputs[0], from, DType::UInt8);
  const int scale = b.make(node.outputs[1]), zero = b.make(node.outputs[2]);
  const int wide = b.scratch(DType::Int32, {}, plain_desc(DType::Int32, {}));
  b.bind(node.outputs[2], wide);
  const std::int64_t count = ir::element_count(b.shape(node.inputs[0]));
  in_8_bits(b.step(node, "inc:quantize_to_range", {from}, {to, scale, zero, wide}, [=](Frame& f) {
    kernels::quantize_to_range(f.as<float>(from), f.as<std::uint8_t>(to), count, f.as<float>(scale),
                               f.as<std::uint8_t>(zero));
    *f.as<std::int32_t>(wide) = *f.as<std::uint8_t>(zero);
  }));
  return true;
}

}  // namespace

void emit_dequantize(Builder& b, const ir::Node& node) {
  if (const auto scale = tensor_scale(b, node)) {
    const int from = b.permuted(node.inputs[0]), to = make_like(b, node.outputs[0], from, DType::Float);
    const std::int64_t count = ir::element_count(b.shape(node.outputs[0]));
    const kernels::Affine8 as = affine(*scale);
    b.step(node, "inc:dequantize", {from}, {to},
           [=](Frame& f) { kernels::dequantize(f.at(from), f.as<float>(to), count, as); });
    return;
  }
  if (const auto input = dequantized_at_run_time(b, node.outputs[0])) {
    const int from = b.permuted(node.inputs[0]), to = make_like(b, node.outputs[0], from, DType::Float);
    const std::int64_t count = ir::element_count(b.shape(node.outputs[0]));
    const auto [scale, zero] = run_time_scale(b, *input);
    std::vector<int> reads{from, scale};
    if (zero >= 0) reads.push_back(zero);
    b.step(node, "inc:dequantize", reads, {to}, [=, s = scale, z = zero, type = input->scale.dtype](Frame& f) {
      const kernels::Affine8 as{*f.as<float>(s), z < 0 ? 0 : *f.as<std::int32_t>(z), type == DType::Int8};
      kernels::dequantize(f.at(from), f.as<float>(to), count, as);
    });
    return;
  }
  const auto channels = channels_of(b, node);
  if (!channels) return emit_generic(b, node);
  const int from = b.plain(node.inputs[0]), to = b.make(node.outputs[0]);
  b.step(node, "inc:dequantize", {from}, {to}, [=, c = *channels](Frame& f) {
    kernels::dequantize_channels(f.at(from), f.as<float>(to), c.outer, c.channels, c.inner, c.scale.data(),
                                 c.zero_point.data(), c.is_signed);
  });
}

bool emit_quantization(Builder& b, const ir::Node& node) {
  if (node.op == "DequantizeLinear") return true;
  if (node.op == "DynamicQuantizeLinear") return quantize_to_range(b, node);
  if (node.op != "QuantizeLinear") return false;
  if (const auto scale = tensor_scale(b, node)) {
    if (quantize_pixels(b, node, *scale)) return true;
    quantize_all(b, node, node.inputs[0], node.outputs[0], *scale);
    return true;
  }
  const auto channels = channels_of(b, node);
  if (!channels) return false;
  const int from = b.plain(node.inputs[0]), to = b.make(node.outputs[0]);
  b.step(node, "inc:quantize", {from}, {to}, [=, c = *channels](Frame& f) {
    kernels::quantize_channels(f.as<float>(from), f.at(to), c.outer, c.channels, c.inner, c.scale.data(),
                               c.zero_point.data(), c.is_signed);
  });
  return true;
}

bool emit_in_8_bits(Builder& b, const ir::Node& node) {
  if (node.inputs.empty() || node.outputs.size() != 1) return false;
  if (node.op == "Concat") return concat_8_bits(b, node);
  if (b.pending_dequantize(node.inputs[0]) == nullptr) return false;
  const auto in = dequantized(b, node.inputs[0]);
  const auto sink = quantized_sink(b, node.outputs[0]);
  if (!in || !sink) return false;
  if (is_pass_through(node) && in->scale == sink->scale) return run_on_8_bits(b, on_8_bits(node, in->q, *sink), *sink);
  if (node.op == "Pad" && in->scale == sink->scale) return pad_8_bits(b, node, *in, *sink);
  if (node.op == "AveragePool" || node.op == "GlobalAveragePool") return emit_average8(b, node);
  if (node.op == "Add" || node.op == "Mul") return combine_8_bits(b, node, *in, *sink);
  if (!is_unary(b, node)) return false;
  lookup(b, node, in->q, sink->nodes.front()->outputs[0], make_table(b, &node, in->scale, sink->scale), sink->scale.dtype);
  for (std::size_t i = 0; i < sink->nodes.size(); ++i) {
    if (i > 0) b.bind(sink->nodes[i]->outputs[0], b.any(sink->nodes.front()->outputs[0]));
    b.mark_done(sink->nodes[i]->id);
  }
  return true;
}

}  // namespace inc::onednn
