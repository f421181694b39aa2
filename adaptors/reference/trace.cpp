#include "adaptors/reference/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/macs.h"
#include "core/ops/ops.h"

namespace inc::reference {

KeptValues::KeptValues(const ir::Graph& graph, std::vector<ir::NodeId> order, std::set<ir::ValueId> replaceable,
                       std::map<ir::ValueId, ir::Tensor> values, std::vector<ir::Tensor> outputs)
    : graph_(graph),
      order_(std::move(order)),
      replaceable_(std::move(replaceable)),
      values_(std::move(values)),
      outputs_(std::move(outputs)) {}

const ir::Tensor& KeptValues::at(ir::ValueId id) const {
  static const ir::Tensor kNothing;
  if (id.none()) return kNothing;
  const ir::Tensor* constant = graph_.constant(id);
  return constant != nullptr ? *constant : values_.at(id);
}

std::vector<ir::Tensor> KeptValues::rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const {
  for (const auto& [id, tensor] : replaced)
    if (!replaceable_.contains(id) || tensor.type() != at(id).type())
      throw DataError(fmt::format("value '{}' cannot be replaced by {}", graph_.alive(id) ? graph_.value(id).name : "",
                                  tensor.type().to_string()));
  std::map<ir::ValueId, ir::Tensor> changed = replaced;
  const auto get = [&](ir::ValueId id) {
    const auto it = changed.find(id);
    return it != changed.end() ? it->second : at(id);
  };
  for (const auto id : order_) {
    const auto& node = graph_.node(id);
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](auto v) { return changed.contains(v); })) continue;
    std::vector<ir::Tensor> arguments;
    for (const auto input : node.inputs) arguments.push_back(get(input));
    auto results = ops::evaluate(node, arguments, graph_.opset);
    for (std::size_t k = 0; k < results.size(); ++k)
      if (!node.outputs[k].none()) changed.try_emplace(node.outputs[k], std::move(results[k]));
  }
  std::vector<ir::Tensor> outputs;
  for (const auto id : graph_.outputs()) outputs.push_back(get(id));
  return outputs;
}

std::int64_t KeptValues::macs(const ir::Node& node) const {
  std::vector<ir::Shape> inputs, outputs;
  for (const auto id : node.inputs) inputs.push_back(id.none() ? ir::Shape{} : at(id).shape());
  for (const auto id : node.outputs) outputs.push_back(id.none() ? ir::Shape{} : at(id).shape());
  return ops::macs(node, inputs, outputs);
}

double KeptValues::share(ir::ValueId value) const {
  std::set<ir::ValueId> changed;
  std::int64_t all = 0, behind = 0;
  for (const auto id : order_) {
    const auto& node = graph_.node(id);
    const std::int64_t work = macs(node);
    all += work;
    const auto concerned = [&](auto v) { return changed.contains(v); };
    if (std::find(node.outputs.begin(), node.outputs.end(), value) == node.outputs.end() &&
        std::none_of(node.inputs.begin(), node.inputs.end(), concerned))
      continue;
    behind += work;
    changed.insert(node.outputs.begin(), node.outputs.end());
  }
  return all == 0 ? 1 : static_cast<double>(behind) / static_cast<double>(all);
}

std::size_t KeptValues::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [id, tensor] : values_) bytes += tensor.bytes();
  return bytes;
}

}  // namespace inc::reference
