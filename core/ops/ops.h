#pragma once
// The operator table. One row per operator: its signature, what quantization and BF16 may do with it, how shapes
// follow from inputs, and its scalar meaning. Nothing else in the house knows facts about operators.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"

namespace inc::ops {

/// Anchor: has INT8 kernels of its own (Conv, MatMul, Gemm). PassThrough: same qparams in and out (MaxPool, Reshape …).
/// SharedInputs: quantized inputs meet (Add, Concat). Float: never quantized.
enum class QuantRole : std::uint8_t { Anchor, PassThrough, SharedInputs, Float };
/// Allow: cast to BF16. Infer: follow the neighbours. Deny: keep FP32.
enum class Bf16Policy : std::uint8_t { Allow, Infer, Deny };

/// What shape inference sees of one input: a concrete type, and the value when it is known (constants, folded shapes).
struct Spec {
  DType dtype = DType::Float;
  ir::Shape shape;
  const ir::Tensor* value = nullptr;  ///< nullptr: unknown
  bool present = true;                ///< false: an optional input that is left out
};

struct InferContext {
  const ir::Attrs& attrs;
  std::span<const Spec> inputs;  ///< trailing optional inputs may be absent altogether
  std::int64_t opset = 0;        ///< of the ai.onnx domain
  std::size_t output_count = 1;
  bool has(std::size_t i) const noexcept { return i < inputs.size() && inputs[i].present; }
};

struct EvalContext {
  const ir::Attrs& attrs;
  std::span<const ir::Tensor> inputs;  ///< undefined tensor: left out
  std::int64_t opset = 0;
  std::span<ir::Tensor> outputs;  ///< allocated by the caller with the inferred types; fill them through mutable_data
  bool has(std::size_t i) const noexcept { return i < inputs.size() && inputs[i].defined(); }
};

struct OutputSpec {
  DType dtype;
  ir::Shape shape;
};

struct OpInfo {
  std::string_view name;         ///< as in ir::NodeSpec::op
  int min_inputs = 1, max_inputs = 1;
  int weight_input = -1, bias_input = -1;
  int channel_axis = -1;         ///< output-channel axis of the weight (Conv 0; MatMul and Gemm: last, see weight_axis())
  bool commutative = false;
  QuantRole quant = QuantRole::Float;
  Bf16Policy bf16 = Bf16Policy::Deny;
  std::string_view report_as{};  ///< the operator type people see in tables; empty: `name` ("inc.Conv" → "Conv")
  /// Inputs whose *value* the output shapes depend on, as a bit mask (Reshape: 1 << 1).
  std::uint32_t value_inputs = 0;
  std::vector<OutputSpec> (*infer)(const InferContext&) = nullptr;
  /// The exact scalar definition, in ONNX's words; float sums are accumulated in double. Slow on purpose.
  void (*eval)(const EvalContext&) = nullptr;
  /// Refuses forms of the operator that are not implemented; nullptr: every form is.
  Support (*supports)(const ir::Node&, std::int64_t opset) = nullptr;
};

/// nullptr when the operator is unknown.
const OpInfo* find(std::string_view op) noexcept;
/// Throws UnsupportedError naming the operator.
const OpInfo& info(std::string_view op);
std::span<const OpInfo> table() noexcept;
/// The operator type for tables and reports.
std::string reported_type(const ir::Node& node);

/// Output-channel axis of the weight of an anchor node: Conv 0, ConvTranspose 1, MatMul last, Gemm by transB.
int weight_axis(const ir::Graph& graph, const ir::Node& node);

/// Runs one operator on concrete tensors: infer, allocate, eval. Throws ModelError / UnsupportedError naming the node.
std::vector<ir::Tensor> evaluate(const ir::Node& node, std::span<const ir::Tensor> inputs, std::int64_t opset);
/// Concrete output shapes. Throws ModelError when inputs do not fit together.
std::vector<OutputSpec> infer(const ir::Node& node, std::span<const Spec> inputs, std::int64_t opset);

/// What is fused behind an anchor: y = activation(anchor(x, w) + bias + residual).
/// Attributes of inc.Conv / inc.MatMul / inc.Gemm beside those of the plain operator:
///   activation = "none" | "relu" | "clip" | "sigmoid" | "tanh" | "gelu" | "gelu_tanh" | "silu" | "hardswish" |
///                "hardsigmoid" | "leaky_relu"
///   activation_alpha, activation_beta: clip low/high; leaky_relu slope; hardsigmoid alpha, beta
///   Inputs: x, weight, bias or none, residual or none (same shape as the output, added before the activation).
struct Epilogue {
  std::string activation = "none";
  float alpha = 0, beta = 0;
  ir::ValueId residual{};
};
Epilogue epilogue(const ir::Node& node);
/// The scalar activation of an epilogue.
float activate(const Epilogue& epilogue, float x) noexcept;

}  // namespace inc::ops
