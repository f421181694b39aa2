#include "core/quant/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/ops/ops.h"
#include "core/quant/attention.h"
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

std::vector<ir::ValueId> values_beside_anchors(const ir::Graph& graph) {
  const auto is_anchor = [&](const ir::Node& node) { return static_cast<bool>(quantizable(graph, node)); };
  const auto makes_or_reads = [&](const ir::Node& node) {
    const bool reads = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId v) {
      const ir::Node* producer = v.none() ? nullptr : graph.producer(v);
      return producer != nullptr && is_anchor(*producer);
    });
    return reads || std::any_of(node.outputs.begin(), node.outputs.end(), [&](ir::ValueId v) {
             const auto& users = graph.value(v).consumers;
             return std::any_of(users.begin(), users.end(), [&](ir::NodeId user) { return is_anchor(graph.node(user)); });
           });
  };
  std::set<ir::ValueId> out;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    const ops::OpInfo* row = ops::find(node.op);
    if (row == nullptr || is_anchor(node)) continue;
    const bool takes = row->quant == ops::QuantRole::SharedInputs || row->quant == ops::QuantRole::PassThrough;
    if (!takes && !makes_or_reads(node)) continue;
    for (const auto* values : {&node.inputs, &node.outputs})
      for (const ir::ValueId v : *values)
        if (!v.none() && graph.value(v).type.dtype == DType::Float && !graph.is_output(v)) out.insert(v);
  }
  return {out.begin(), out.end()};
}

std::vector<Watched> values_to_calibrate(const ir::Graph& graph, Placement placement,
                                         const std::set<ir::NodeId>& attentions) {
  std::map<ir::ValueId, std::set<int>> axes;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    if (quantizable(graph, node)) axes[node.input(0)].insert(channel_axis(graph, node));
    if (passage_of(graph, node) != Passage::Average) continue;
    const ir::ValueId input = node.input(0);
    if (graph.constant(input) == nullptr && graph.value(input).type.dtype == DType::Float) axes.try_emplace(input);
  }
  for (const ir::NodeId id : attentions) {
    const Attention attention = attention_at(graph, graph.node(id)).value();
    for (const ir::ValueId operand : graph.node(attention.scores).inputs) axes.try_emplace(operand);
    axes.try_emplace(graph.node(id).inputs[1]);
  }
  if (placement == Placement::Everywhere)
    for (const ir::ValueId value : values_beside_anchors(graph))
      if (graph.constant(value) == nullptr) axes.try_emplace(value);
  std::vector<Watched> out;
  for (const auto& [value, seen] : axes) out.push_back({value, seen.size() == 1 ? *seen.begin() : -1});
  return out;
}

}  // namespace inc::quant
