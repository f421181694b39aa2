#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/passes/facts.h"
#include "core/passes/quantized.h"
#include "core/passes/rules.h"

namespace inc::passes {
namespace {

std::int64_t lowest(DType dtype) {
  return dtype == DType::Int8 ? std::numeric_limits<std::int8_t>::lowest() : 0;
}
std::int64_t highest(DType dtype) {
  return dtype == DType::Int8 ? std::numeric_limits<std::int8_t>::max() : std::numeric_limits<std::uint8_t>::max();
}

/// Exporters drop a Relu or Clip that the levels imply: zero is the lowest level, and what comes in may be negative.
bool hides_activation(const ir::Graph& g, const ir::Node& quantize, const Quantized& q) {
  static constexpr std::string_view kSigned[] = {
      "Conv",     "ConvTranspose",     "MatMul", "Gemm", "Add", "Sub", "Mul", "inc.Conv", "inc.MatMul",
      "inc.Gemm", "BatchNormalization"};
  const DType dtype = g.value(q.data).type.dtype;
  if (dtype != DType::UInt8 && dtype != DType::Int8) return false;
  const ir::Node* before = g.producer(quantize.inputs[0]);
  if (!before || std::find(std::begin(kSigned), std::end(kSigned), before->op) == std::end(kSigned)) return false;
  if (before->attrs.text("activation", "none") != "none") return false;
  const auto zeros = zero_points(g, q);
  return std::all_of(zeros.begin(), zeros.end(), [&](std::int64_t z) { return z == lowest(dtype); });
}

const ir::Node* quantizer(const ir::Graph& g, const Match& m) {
  const ir::Node* node = g.producer(m["q"]);
  if (!node || node->outputs[0] != m["q"]) return nullptr;
  return node->op == "QuantizeLinear" || node->op == "DynamicQuantizeLinear" ? node : nullptr;
}

bool equal_parameters(const ir::Graph& g, const ir::Node& quantize, const ir::Node& dequantize) {
  if (quantize.op == "DynamicQuantizeLinear")
    return quantize.outputs.size() == 3 && quantize.outputs[1] == dequantize.input(1) &&
           quantize.outputs[2] == dequantize.input(2);
  for (std::size_t i = 1; i < 3; ++i) {
    const ir::Tensor *a = g.constant(quantize.input(i)), *b = g.constant(dequantize.input(i));
    if (quantize.input(i) != dequantize.input(i) && !(a && b && identical(*a, *b))) return false;
  }
  return true;
}

Support where(const ir::Graph& g, const Match& m) {
  const ir::Node* quantize = quantizer(g, m);
  if (!quantize) return Support::no("");
  const ir::Node& dequantize = g.node(m.node("y"));
  if (!equal_parameters(g, *quantize, dequantize))
    return Support::no(fmt::format("'{}' and '{}' have other levels", quantize->name, dequantize.name));
  const auto q = quantized_by(g, m["q"]);
  if (q && hides_activation(g, *quantize, *q)) return Support::yes();
  if (!replaceable(g, m["y"], quantize->inputs[0]))
    return Support::no(
        fmt::format("{} is a graph output that cannot stand for {}", name_of(g, m["y"]), name_of(g, quantize->inputs[0])));
  return Support::yes();
}

ir::Patch rewrite(const ir::Graph& g, const Match& m) {
  const ir::Node& quantize = *quantizer(g, m);
  const auto q = quantized_by(g, m["q"]);
  ir::Patch patch(g, "FP32");
  ir::ValueId x = quantize.inputs[0];
  if (q && hides_activation(g, quantize, *q)) {
    std::vector<ir::ValueId> inputs = {x};
    const ir::TensorType type = g.value(m["y"]).type;
    if (per_tensor(g, *q)) {
      const DType dtype = g.value(q->data).type.dtype;
      const float high = static_cast<float>(highest(dtype) - lowest(dtype)) * *scalar(g, q->scale);
      inputs.push_back(patch.add_constant(quantize.name + "_low", ir::Tensor::scalar(0.0f)));
      inputs.push_back(patch.add_constant(quantize.name + "_high", ir::Tensor::scalar(high)));
    }
    const char* op = inputs.size() == 1 ? "Relu" : "Clip";
    x = patch.add_node({op, std::move(inputs), {}, quantize.name + "/range", {type}, {}})[0];
  }
  patch.replace(m["y"], x);
  return patch;
}

}  // namespace

Rule strip_pair() {
  return {.name = "strip_pair", .pattern = "y = DequantizeLinear(q, s, ...)", .where = where, .rewrite = rewrite};
}

}  // namespace inc::passes
