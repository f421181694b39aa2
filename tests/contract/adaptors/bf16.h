#pragma once
// An FP32 graph with everything between its inputs and outputs in BF16.
#include <map>
#include <set>

#include "core/ir/graph.h"
#include "core/ops/ops.h"

namespace inc::testing {

constexpr std::int64_t kFloatCode = 1, kBFloat16Code = 16;  // TensorProto.DataType

inline ir::Tensor to_bf16(const ir::Tensor& tensor) {
  std::vector<BFloat16> values;
  for (const float v : tensor.to_floats()) values.emplace_back(v);
  return ir::Tensor::of<BFloat16>(tensor.shape(), values);
}

inline ir::ValueId cast(ir::Graph& graph, ir::ValueId value, DType to) {
  ir::TensorType type = graph.value(value).type;
  if (type.dtype == to) return value;
  type.dtype = to;
  const std::string name = "cast" + std::to_string(graph.values().size());
  return graph.add_node(
      {"Cast", {value}, {{"to", to == DType::Float ? kFloatCode : kBFloat16Code}}, name, {type}, {name}})[0];
}

/// Nodes named in `real` stay in FP32.
inline ir::Graph in_bf16(const ir::Graph& from, const std::set<ir::NodeId>& real = {}) {
  ir::Graph to;
  to.opset = from.opset;
  std::map<ir::ValueId, ir::ValueId> made;
  for (const ir::ValueId v : from.inputs()) made[v] = to.add_input(from.value(v).name, from.value(v).type);
  const auto get = [&](ir::ValueId v, DType wanted) {
    if (v.none()) return v;
    const DType type = from.value(v).type.dtype;
    const ir::Tensor* constant = from.constant(v);
    if (constant != nullptr)
      return to.add_constant(from.value(v).name + std::to_string(to.values().size()),
                             type == DType::Float && wanted == DType::BFloat16 ? to_bf16(*constant) : *constant);
    return type == DType::Float ? cast(to, made.at(v), wanted) : made.at(v);
  };
  for (const ir::NodeId id : from.topological_order()) {
    const ir::Node& node = from.node(id);
    const DType wanted = real.contains(id) ? DType::Float : DType::BFloat16;
    ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {}, {}};
    if (node.op == "Cast" && node.attrs.integer("to") == kFloatCode && wanted == DType::BFloat16)
      spec.attrs.set("to", kBFloat16Code);
    for (const ir::ValueId v : node.inputs) spec.inputs.push_back(get(v, wanted));
    for (const ir::ValueId v : node.outputs) {
      spec.output_types.push_back(v.none() ? ir::TensorType{} : from.value(v).type);
      if (spec.output_types.back().dtype == DType::Float) spec.output_types.back().dtype = wanted;
    }
    const auto outputs = to.add_node(std::move(spec));
    for (std::size_t i = 0; i < outputs.size(); ++i) made[node.outputs[i]] = outputs[i];
  }
  for (const ir::ValueId v : from.outputs()) to.add_output(get(v, DType::Float));
  return to;
}

}  // namespace inc::testing
