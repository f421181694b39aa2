#include <algorithm>
#include <set>

#include "core/ops/ops.h"
#include "core/quant/insert_qdq.h"
#include "core/quant/passage.h"

namespace inc::quant {
namespace {

constexpr std::size_t kResidualInput = 3;

}  // namespace

bool QdqInserter::is_int8(ir::NodeId node) const {
  const auto it = config_.ops.find(node);
  return it != config_.ops.end() && it->second.precision == Precision::Int8;
}

const QdqInserter::Pair* QdqInserter::only_pair(ir::ValueId value) const {
  const auto it = pairs_.find(value);
  return it != pairs_.end() && it->second.size() == 1 ? &it->second.front() : nullptr;
}

bool QdqInserter::covered(ir::ValueId id) const {
  if (graph_.is_output(id)) return false;
  for (const ir::NodeId user : graph_.value(id).consumers) {
    const auto& inputs = graph_.node(user).inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i] == id && !rewired_.contains({user, i})) return false;
  }
  return true;
}

void QdqInserter::find_int8_values(const ir::Node& node) {
  const auto inputs = data_inputs(node);
  const bool passes =
      passage_of(graph_, node) != Passage::None &&
      std::all_of(inputs.begin(), inputs.end(), [&](std::size_t i) { return from_int8_.contains(node.input(i)); });
  if (passes || is_int8(node.id)) from_int8_.insert(node.outputs.begin(), node.outputs.end());
}

const QdqInserter::Pair* QdqInserter::pair_behind_movement(ir::ValueId value, const QdqOptions& options) const {
  const Pair* pair = only_pair(value);
  while (pair == nullptr && options.through_movement && from_int8_.contains(value)) {
    const ir::Node* mover = graph_.producer(value);
    const bool alone = graph_.value(value).consumers.size() == 1 && !graph_.is_output(value);
    if (mover == nullptr || !alone || mover->op == "Concat" || passage_of(graph_, *mover) != Passage::Same) break;
    value = mover->inputs[0];
    pair = only_pair(value);
  }
  return pair;
}

void QdqInserter::spread_residual(const ir::Node& node, const QdqOptions& options) {
  if (!is_int8(node.id) || ops::reported_type(node) != "Conv" || ops::epilogue(node).residual.none()) return;
  if (const Pair* known = pair_behind_movement(node.inputs.at(kResidualInput), options)) {
    const Pair pair = *known;
    read_quantized(node, kResidualInput, pair.qparams, pair.scheme);
  }
}

void QdqInserter::spread_through(const ir::Node& node, const QdqOptions& options) {
  const Passage passage = passage_of(graph_, node);
  if (passage == Passage::None) return;
  const bool wanted = node.op == "Concat"           ? options.through_concat
                      : passage == Passage::Average ? options.through_averages
                                                    : options.through_movement;
  const ir::ValueId output = node.outputs[0];
  const Pair* pair = only_pair(output);
  if (!wanted || pair == nullptr || !covered(output) || !from_int8_.contains(output)) return;
  const Scheme scheme = pair->scheme;
  QParams qparams = pair->qparams;
  for (const std::size_t i : data_inputs(node)) {
    const ir::ValueId input = node.inputs[i];
    if (passage == Passage::Average) {
      if (!ranges_.has(input, scheme.range)) return;
      qparams = activation_qparams(input, scheme);
    }
    read_quantized(node, i, qparams, scheme);
  }
}

void QdqInserter::quantize_everywhere() {
  const Scheme scheme = default_activation_scheme();
  for (const ir::ValueId value : values_beside_anchors(graph_)) {
    QParams qparams;
    if (const ir::Tensor* constant = graph_.constant(value)) {
      const auto data = constant->to_floats();
      if (data.empty()) continue;
      const auto [low, high] = std::minmax_element(data.begin(), data.end());
      qparams = qparams_from_range({*low, *high}, scheme);
    } else {
      if (!ranges_.has(value, scheme.range)) continue;
      qparams = activation_qparams(value, scheme);
    }
    for (const ir::NodeId user : std::set(graph_.value(value).consumers.begin(), graph_.value(value).consumers.end())) {
      const ir::Node& node = graph_.node(user);
      const bool anchor = static_cast<bool>(quantizable(graph_, node));
      const std::uint32_t decides_shape = ops::info(node.op).value_inputs;
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] == value && !rewired_.contains({user, i}) && (!anchor || i == kResidualInput) &&
            (decides_shape >> i & 1u) == 0)
          read_quantized(node, i, qparams, scheme);
    }
  }
}

void QdqInserter::spread(const QdqOptions& options) {
  const auto order = graph_.topological_order();
  for (const ir::NodeId id : order) {
    find_int8_values(graph_.node(id));
    if (options.through_residuals) spread_residual(graph_.node(id), options);
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) spread_through(graph_.node(*it), options);
  if (options.placement == Placement::Everywhere) quantize_everywhere();
}

}  // namespace inc::quant
