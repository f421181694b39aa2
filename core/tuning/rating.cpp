#include "core/tuning/rating.h"

#include "core/ops/ops.h"
#include "core/runtime/footprint.h"

namespace inc::tuning {
namespace {

constexpr double kPerItem = 24;  // tags and lengths of a node or an initializer

/// Bytes that the option saves of the operator's weights.
double saved(const ir::Graph& fused, ir::NodeId id, const quant::OpConfig& option, bool bf16_as_plan) {
  const ir::Node& node = fused.node(id);
  const int at = ops::info(node.op).weight_input;
  if (at < 0 || static_cast<std::size_t>(at) >= node.inputs.size()) return 0;
  const ir::Tensor* weight = fused.constant(node.inputs[static_cast<std::size_t>(at)]);
  if (weight == nullptr || weight->dtype() != DType::Float) return 0;
  const double share = option.precision == quant::Precision::Int8                    ? 0.75
                       : option.precision == quant::Precision::Bf16 && !bf16_as_plan ? 0.5
                                                                                     : 0;
  return share * static_cast<double>(weight->bytes());
}

}  // namespace

double written_bytes(const ir::Graph& graph) {
  double bytes = 0;
  for (const ir::ValueId id : graph.values())
    if (const ir::Tensor* tensor = graph.constant(id))
      bytes += static_cast<double>(tensor->bytes() + graph.value(id).name.size()) + kPerItem;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    bytes += static_cast<double>(node.name.size() + node.op.size()) + kPerItem;
    const auto names = [&](const auto& values) {
      for (const ir::ValueId value : values)
        if (!value.none()) bytes += 2 + static_cast<double>(graph.value(value).name.size());
    };
    names(node.inputs);
    names(node.outputs);
  }
  return bytes;
}

void Rating::rate(search::Observation& seen, const Candidate& candidate, const runtime::Executable& executable) const {
  if (costs_ != nullptr) seen.latency_ms = costs_->predict(seen.point);
  seen.model_bytes = written_bytes(bf16_as_plan_ ? candidate.without_bf16 : candidate.graph);
  seen.footprint_bytes = static_cast<double>(runtime::footprint_bytes(executable));
  seen.cost = objective_.cost({seen.latency_ms, seen.model_bytes, seen.footprint_bytes}, seen.accuracy);
}

std::function<double(const search::Point&)> Rating::prediction(const ir::Graph& fused, const TuningSpace& space) const {
  const Figures fp32 = objective_.fp32();
  const bool latency = objective_.aims_at(Aim::Latency);
  if (latency ? costs_ == nullptr : !objective_.aims_at(Aim::ModelSize) && !objective_.aims_at(Aim::Footprint)) return {};
  std::vector<std::vector<double>> less(space.nodes.size());
  for (std::size_t i = 0; i < less.size(); ++i)
    for (const quant::OpConfig& option : space.options[i])
      less[i].push_back(saved(fused, space.nodes[i], option, bf16_as_plan_));
  return [costs = costs_, &objective = objective_, fp32, less](const search::Point& point) {
    Figures figures = fp32;
    if (costs != nullptr) figures.latency_ms = costs->predict(point);
    for (std::size_t i = 0; i < point.size(); ++i) {
      figures.model_bytes -= less[i][point[i]];
      figures.footprint_bytes -= less[i][point[i]];
    }
    return objective.cost(figures);
  };
}

}  // namespace inc::tuning
