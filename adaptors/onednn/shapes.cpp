#include "adaptors/onednn/shapes.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::onednn {
namespace {

constexpr std::int64_t kMostFoldedElements = 1 << 20;

class Propagation {
 public:
  Propagation(const Prepared& prepared, Shapes& shapes) : prepared_(prepared), shapes_(shapes) {}

  void start(ir::ValueId value, DType dtype, ir::Shape shape) { shapes_.entries[value] = {dtype, std::move(shape)}; }

  bool visit(const ir::Node& node) {
    const ops::OpInfo& row = ops::info(node.op);
    std::vector<ops::Spec> specs;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool needed = (row.value_inputs >> i & 1u) != 0;
      specs.push_back(spec(node.inputs[i], needed));
      if (needed && specs.back().present && specs.back().value == nullptr) {
        shapes_.data_dependent = "the output shape of node '" + node.name + "' of type " + node.op + " depends on data";
        return false;
      }
    }
    const auto outputs = ops::infer(node, specs, prepared_.graph().opset);
    std::int64_t elements = 0;
    for (std::size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i) {
      if (node.outputs[i].none()) continue;
      shapes_.entries[node.outputs[i]] = {outputs[i].dtype, outputs[i].shape};
      elements += ir::element_count(outputs[i].shape);
    }
    if (elements <= kMostFoldedElements && !is_weight(node.outputs[0])) fold(node);
    return true;
  }

 private:
  const ir::Tensor* known(ir::ValueId value) const {
    if (const ir::Tensor* constant = prepared_.constant(value)) return constant;
    const auto it = shapes_.folded.find(value);
    return it != shapes_.folded.end() ? &it->second : nullptr;
  }

  bool is_known(ir::ValueId value) const {
    return value.none() || prepared_.is_constant(value) || shapes_.folded.contains(value);
  }

  bool is_weight(ir::ValueId value) const {
    const ir::Node* producer = prepared_.graph().producer(value);
    return producer != nullptr && producer->op == "DequantizeLinear" && prepared_.is_constant(value);
  }

  ops::Spec spec(ir::ValueId value, bool needed) const {
    ops::Spec s;
    if (value.none()) {
      s.present = false;
      return s;
    }
    s.value = needed || !is_weight(value) ? known(value) : nullptr;
    if (s.value != nullptr) {
      s.dtype = s.value->dtype();
      s.shape = s.value->shape();
    } else {
      const Shapes::Entry& entry = shapes_.entries.at(value);
      s.dtype = entry.dtype;
      s.shape = entry.shape;
    }
    return s;
  }

  void fold(const ir::Node& node) {
    static const auto nobody = std::make_shared<const int>(0);
    const bool shape_only = node.op == "Shape" || node.op == "Size";
    if (!shape_only && !std::all_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId v) { return is_known(v); }))
      return;
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId input : node.inputs) {
      if (input.none()) {
        inputs.emplace_back();
      } else if (const ir::Tensor* value = known(input)) {
        inputs.push_back(*value);
      } else {
        const Shapes::Entry& entry = shapes_.entries.at(input);
        inputs.emplace_back(entry.dtype, entry.shape, nullptr, nobody);
      }
    }
    if (node.op.starts_with("Random") || node.op == "Multinomial" || node.op == "Bernoulli") return;
    auto outputs = ops::evaluate(node, inputs, prepared_.graph().opset);
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.outputs[i].none()) shapes_.folded.emplace(node.outputs[i], std::move(outputs[i]));
  }

  const Prepared& prepared_;
  Shapes& shapes_;
};

}  // namespace

Shapes propagate(const Prepared& prepared, std::span<const ir::Shape> inputs) {
  const ir::Graph& graph = prepared.graph();
  Shapes shapes;
  Propagation propagation(prepared, shapes);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    propagation.start(graph.inputs()[i], graph.value(graph.inputs()[i]).type.dtype, inputs[i]);
  for (const ir::NodeId id : prepared.order()) {
    const ir::Node& node = graph.node(id);
    const bool weight = node.op == "DequantizeLinear" && prepared.is_constant(node.outputs[0]);
    if (!weight && !node.outputs.empty() && prepared.is_constant(node.outputs[0])) {
      for (const ir::ValueId output : node.outputs) {
        if (output.none()) continue;
        const ir::Tensor& value = *prepared.constant(output);
        shapes.entries[output] = {value.dtype(), value.shape()};
      }
      continue;
    }
    if (!propagation.visit(node)) break;
  }
  return shapes;
}

}  // namespace inc::onednn
