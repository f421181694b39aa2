#pragma once
// Quantized groups made by hand: x → Q → DQ → anchor(weight DQ, bias) → [Q].
#include <optional>
#include <string>
#include <vector>

#include "core/ir/graph.h"
#include "core/ops/ops.h"
#include "tests/support/random.h"
#include "tests/support/stored.h"

namespace inc::testing {

struct GroupSpec {
  std::string op = "Conv";  ///< without the prefix
  ir::Shape x{2, 8, 6, 6}, w{12, 8, 3, 3};
  ir::Attrs attrs;
  std::string activation = "none";
  float alpha = 0, beta = 0;
  DType input_type = DType::UInt8;
  int input_zero = 117;
  bool per_channel = true;
  int channel_axis = 0;
  int weight_limit = 63;  ///< |w| at most; 127 saturates where pairs are summed in int16
  bool bias = true;
  enum class Residual { None, Real, Quantized } residual = Residual::None;
  bool factors = false;  ///< a Mul along the output channels behind the activation
  bool output_8_bits = true;
  DType output_type = DType::UInt8;
  int output_zero = 128;
  float output_scale = 0.05f;
  std::string name;
};

class GroupBuilder {
 public:
  explicit GroupBuilder(std::uint64_t seed) : rng_(seed) { graph.opset = 21; }
  ir::Graph graph;

  ir::Shape output_shape(const std::string& op, const std::vector<ir::ValueId>& inputs, const ir::Attrs& attrs) const {
    return inferred(op, inputs, attrs).shape;
  }
  ir::ValueId node(const std::string& op, std::vector<ir::ValueId> inputs, ir::Attrs attrs = {}) {
    const auto out = inferred(op, inputs, attrs);
    return graph.add_node({op,
                           std::move(inputs),
                           std::move(attrs),
                           op + std::to_string(count_++),
                           {ir::TensorType::of(out.dtype, out.shape)},
                           {}})[0];
  }
  bool stores = false;  ///< data of constants are read when they are asked for
  ir::ValueId constant(const ir::Tensor& t) {
    return graph.add_constant("c" + std::to_string(count_++), stores ? elsewhere(t) : t);
  }
  ir::ValueId real(float v) { return constant(ir::Tensor::scalar(v)); }
  ir::ValueId zero(DType type, int v) {
    return constant(type == DType::UInt8 ? ir::Tensor::scalar(static_cast<std::uint8_t>(v))
                                         : ir::Tensor::scalar(static_cast<std::int8_t>(v)));
  }
  ir::ValueId input(const ir::Shape& shape) {
    return graph.add_input("x" + std::to_string(count_++), ir::TensorType::of(DType::Float, shape));
  }
  ir::ValueId quantize(ir::ValueId x, DType type, int zero_point, float scale) {
    return node("QuantizeLinear", {x, real(scale), zero(type, zero_point)});
  }
  ir::ValueId through_8_bits(ir::ValueId x, DType type, int zero_point, float scale) {
    const ir::ValueId q = quantize(x, type, zero_point, scale);
    return node("DequantizeLinear", {q, real(scale), zero(type, zero_point)});
  }
  ir::ValueId weight(const GroupSpec& s) {
    const ir::Tensor q = random_tensor(DType::Int8, s.w, rng_, -s.weight_limit, s.weight_limit + 1);
    if (!s.per_channel) return node("DequantizeLinear", {constant(q), real(0.01f)});
    const auto channels = s.w[static_cast<std::size_t>(s.channel_axis)];
    const ir::Tensor scale = random_tensor(DType::Float, {channels}, rng_, 0.002, 0.01);
    return node("DequantizeLinear", {constant(q), constant(scale)}, {{"axis", std::int64_t{s.channel_axis}}});
  }
  std::int64_t outputs(const GroupSpec& s) const {
    return s.op == "Conv" ? s.w[0] : s.w[static_cast<std::size_t>(s.channel_axis)];
  }

  ir::Graph group(const GroupSpec& s) {
    const bool fused = s.activation != "none" || s.residual != GroupSpec::Residual::None || s.op == "MatMul";
    ir::Attrs attrs = s.attrs;
    if (fused) {
      attrs.set("activation", s.activation);
      attrs.set("activation_alpha", s.alpha);
      attrs.set("activation_beta", s.beta);
    }
    const ir::ValueId x = through_8_bits(input(s.x), s.input_type, s.input_zero, 0.013f);
    std::vector<ir::ValueId> inputs{x, weight(s)};
    const ir::Shape shape = output_shape((fused ? "inc." : "") + s.op, inputs, s.attrs);
    inputs.push_back(s.bias ? constant(random_tensor(DType::Float, {outputs(s)}, rng_)) : ir::ValueId{});
    if (s.residual != GroupSpec::Residual::None) {
      ir::ValueId r = node("Neg", {input(shape)});
      if (s.residual == GroupSpec::Residual::Quantized) r = through_8_bits(r, DType::UInt8, 100, 0.009f);
      inputs.push_back(r);
    }
    ir::ValueId y = node((fused ? "inc." : "") + s.op, inputs, attrs);
    if (s.factors) {
      ir::Shape channels(s.op == "Conv" ? shape.size() : 1, 1);
      channels[s.op == "Conv" ? 1 : 0] = outputs(s);
      y = node("Mul", {y, constant(random_tensor(DType::Float, channels, rng_, 0.2, 3.0))});
    }
    if (s.output_8_bits) y = quantize(y, s.output_type, s.output_zero, s.output_scale);
    graph.add_output(y);
    return graph;
  }

  std::vector<ir::Tensor> inputs() { return random_inputs(graph, rng_); }

 private:
  ops::OutputSpec inferred(const std::string& op, const std::vector<ir::ValueId>& inputs, const ir::Attrs& attrs) const {
    ir::Node made;
    made.op = op;
    made.inputs = inputs;
    made.attrs = attrs;
    made.outputs.resize(1);
    std::vector<ops::Spec> specs;
    for (const ir::ValueId v : inputs) {
      ops::Spec s;
      s.present = !v.none();
      if (s.present) {
        s.dtype = graph.value(v).type.dtype;
        s.shape = *graph.value(v).type.concrete();
        s.value = graph.constant(v);
      }
      specs.push_back(s);
    }
    return ops::infer(made, specs, graph.opset)[0];
  }

  Rng rng_;
  int count_ = 0;
};

}  // namespace inc::testing
