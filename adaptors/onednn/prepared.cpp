#include "adaptors/onednn/prepared.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/ops.h"

namespace inc::onednn {

Prepared::Prepared(const ir::Graph& graph) : graph_(graph), order_(graph.topological_order()) {
  for (const ir::NodeId id : order_) {
    const ir::Node& node = graph_.node(id);
    const ops::OpInfo* row = ops::find(node.op);
    if (row == nullptr) throw UnsupportedError("node '" + node.name + "': operator '" + node.op + "' is not supported");
    if (row->supports == nullptr) continue;
    if (const Support support = row->supports(node, graph_.opset); !support)
      throw UnsupportedError("node '" + node.name + "' of type " + node.op + " is not supported: " + support.why_not());
  }
  for (const ir::ValueId id : graph_.values())
    if (graph_.constant(id) != nullptr) constant_.insert(id);
  for (const ir::NodeId id : order_) {
    const ir::Node& node = graph_.node(id);
    const bool known = std::all_of(node.inputs.begin(), node.inputs.end(),
                                   [&](ir::ValueId v) { return v.none() || constant_.contains(v); });
    if (!known || node.op.starts_with("Random") || node.op == "Multinomial" || node.op == "Bernoulli") continue;
    for (const ir::ValueId output : node.outputs)
      if (!output.none()) constant_.insert(output);
  }
}

const ir::Tensor* Prepared::constant(ir::ValueId value) const {
  if (value.none() || !constant_.contains(value)) return nullptr;
  if (const ir::Tensor* stored = graph_.constant(value)) return stored;
  const std::lock_guard lock(mutex_);
  return find(value);
}

const ir::Tensor* Prepared::find(ir::ValueId value) const {
  if (const auto it = folded_.find(value); it != folded_.end()) return &it->second;
  const ir::Node& node = *graph_.producer(value);
  std::vector<ir::Tensor> inputs;
  for (const ir::ValueId input : node.inputs) inputs.push_back(input.none() ? ir::Tensor() : constant(input)->at_hand());
  std::vector<ir::Tensor> outputs = ops::evaluate(node, inputs, graph_.opset);
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].none()) folded_.emplace(node.outputs[i], outputs[i]);
  return &folded_.at(value);
}

std::uint64_t Prepared::content(ir::ValueId value) const {
  const ir::Tensor& tensor = *constant(value);
  const std::lock_guard lock(mutex_);
  const auto [it, fresh] = hashes_.try_emplace(value);
  if (fresh) it->second = tensor.content_hash();
  return it->second;
}

}  // namespace inc::onednn
