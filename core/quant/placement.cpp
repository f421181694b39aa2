#include "core/quant/placement.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "core/ops/ops.h"
#include "core/quant/passage.h"

namespace inc::quant {
namespace {

/// Of the data input of an anchor.
int channel_axis(const ir::Graph& graph, const ir::Node& anchor) {
  const std::string type = ops::reported_type(anchor);
  if (type == "Conv") return 1;
  if (type == "Gemm") return anchor.attrs.integer("transA", 0) != 0 ? 0 : 1;
  const auto& dims = graph.value(anchor.input(0)).type.dims;
  return dims && !dims->empty() ? static_cast<int>(dims->size()) - 1 : -1;
}

}  // namespace

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

std::vector<Watched> values_to_calibrate(const ir::Graph& graph) {
  std::map<ir::ValueId, std::set<int>> axes;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    if (quantizable(graph, node)) axes[node.input(0)].insert(channel_axis(graph, node));
    if (passage_of(graph, node) != Passage::Average) continue;
    const ir::ValueId input = node.input(0);
    if (graph.constant(input) == nullptr && graph.value(input).type.dtype == DType::Float) axes.try_emplace(input);
  }
  std::vector<Watched> out;
  for (const auto& [value, seen] : axes) out.push_back({value, seen.size() == 1 ? *seen.begin() : -1});
  return out;
}

}  // namespace inc::quant
