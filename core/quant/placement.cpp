#include "core/quant/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/ops/ops.h"
#include "core/quant/passage.h"

namespace inc::quant {

Support quantizable(const ir::Graph& graph, const ir::Node& node) {
  const ops::OpInfo* info = ops::find(node.op);
  if (info == nullptr || info->quant != ops::QuantRole::Anchor) return Support::no("operator has no INT8 form");
  const ir::ValueId data = node.input(0), weight = node.input(static_cast<std::size_t>(info->weight_input));
  if (data.none() || weight.none()) return Support::no("data or weight input is left out");
  const ir::Tensor* constant = graph.constant(weight);
  if (constant == nullptr) return Support::no("weight is not constant");
  if (constant->dtype() != DType::Float)
    return Support::no(fmt::format("weight is {}, float expected", inc::name_of(constant->dtype())));
  if (constant->rank() < 2) return Support::no(fmt::format("weight has rank {}, at least 2 expected", constant->rank()));
  if (constant->count() == 0) return Support::no("weight is empty");
  if (graph.constant(data) != nullptr) return Support::no("data input is constant");
  if (const DType dtype = graph.value(data).type.dtype; dtype != DType::Float)
    return Support::no(fmt::format("data input is {}, float expected", inc::name_of(dtype)));
  return Support::yes();
}

std::vector<ir::NodeId> quantizable_nodes(const ir::Graph& graph) {
  std::vector<ir::NodeId> out;
  for (const ir::NodeId id : graph.topological_order())
    if (quantizable(graph, graph.node(id))) out.push_back(id);
  return out;
}

std::vector<ir::ValueId> values_to_calibrate(const ir::Graph& graph) {
  std::set<ir::ValueId> wanted;
  const auto order = graph.topological_order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const ir::Node& node = graph.node(*it);
    if (quantizable(graph, node)) wanted.insert(node.input(0));
    if (passage_of(graph, node) != Passage::Average) continue;
    const ir::ValueId input = node.input(0);
    if (graph.constant(input) == nullptr && graph.value(input).type.dtype == DType::Float) wanted.insert(input);
  }
  return {wanted.begin(), wanted.end()};
}

}  // namespace inc::quant
