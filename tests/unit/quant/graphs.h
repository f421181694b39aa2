#pragma once
// Small graphs made by hand, with every range [-1, 1].
#include <initializer_list>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "core/ir/graph.h"
#include "core/quant/placement.h"

namespace inc::quant {

inline ir::Tensor random_tensor(ir::Shape shape, std::uint64_t seed, float magnitude = 1) {
  Rng rng(seed);
  ir::Tensor t(DType::Float, std::move(shape));
  float* x = t.mutable_data<float>();
  for (std::int64_t i = 0; i < t.count(); ++i) x[i] = magnitude * (2 * static_cast<float>(rng.uniform()) - 1);
  return t;
}

class Builder {
 public:
  ir::Graph graph;

  Builder() {
    graph.name = "g";
    graph.opset = 13;
  }
  ir::ValueId input(const std::string& name, const ir::Shape& shape, DType dtype = DType::Float) {
    return graph.add_input(name, ir::TensorType::of(dtype, shape));
  }
  ir::ValueId weight(const std::string& name, const ir::Shape& shape, std::uint64_t seed = 1) {
    return graph.add_constant(name, random_tensor(shape, seed));
  }
  ir::ValueId node(const std::string& op, const std::string& name, const std::vector<ir::ValueId>& inputs,
                   const ir::Shape& shape, ir::Attrs attrs = {}, DType dtype = DType::Float) {
    return graph.add_node({op, inputs, std::move(attrs), name + "_node", {ir::TensorType::of(dtype, shape)}, {name}})[0];
  }
  void output(ir::ValueId value) { graph.add_output(value); }
  ir::NodeId id(ir::ValueId value) const { return *graph.value(value).producer; }
};

inline QuantConfig all_int8(const ir::Graph& graph, OpConfig config = {Precision::Int8}) {
  QuantConfig out;
  for (const ir::NodeId id : quantizable_nodes(graph)) out.ops[id] = config;
  return out;
}

inline RangeTable unit_ranges(const ir::Graph& graph) {
  RangeTable table;
  for (const Watched& w : values_to_calibrate(graph)) table.tensor[{w.value, RangeMethod::MinMax}] = {-1, 1};
  return table;
}

inline ir::Graph quantized(const ir::Graph& graph, const QdqOptions& options = {}) {
  WeightCache cache;
  ir::Graph out = insert_qdq(graph, all_int8(graph), unit_ranges(graph), cache, options);
  out.verify();
  return out;
}

/// The nodes as "output = Op(input, …)", one per line, in topological order.
inline std::string nodes_of(const ir::Graph& graph) {
  std::string text;
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    text += graph.value(node.outputs[0]).name + " = " + node.op + "(";
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      text += (i == 0 ? "" : ", ") + (node.inputs[i].none() ? std::string("-") : graph.value(node.inputs[i]).name);
    text += ")\n";
  }
  return text;
}

}  // namespace inc::quant
