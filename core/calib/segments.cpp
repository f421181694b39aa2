#include "core/calib/segments.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/passes/activation.h"

namespace inc::calib {
namespace {

/// Assigns nodes to pieces, then builds the pieces.
class Cutter {
 public:
  Cutter(const ir::Graph& graph, std::span<const ir::ValueId> cuts)
      : graph_(graph), cuts_(cuts), order_(graph.topological_order()), pieces_(cuts.size()) {
    for (const ir::NodeId id : order_) {
      const auto& inputs = graph_.node(id).inputs;
      if (std::all_of(inputs.begin(), inputs.end(), [&](ir::ValueId v) { return fixed(v); })) constant_.insert(id);
    }
  }

  std::vector<Segment> cut() {
    std::vector<std::set<ir::ValueId>> read(cuts_.size());
    for (std::size_t k = 0; k < cuts_.size(); ++k) {
      require(cuts_[k], k);
      for (const ir::NodeId id : pieces_[k])
        for (const ir::ValueId input : graph_.node(id).inputs)
          if (crosses(input, k)) read[k].insert(input);
    }
    std::vector<Segment> segments;
    for (std::size_t k = 0; k < cuts_.size(); ++k) segments.push_back(piece(k, read));
    return segments;
  }

 private:
  bool belongs_to_users(const ir::Node& node) const {
    return node.op == "DequantizeLinear" || node.op == "DynamicQuantizeLinear" || constant_.contains(node.id);
  }

  bool fixed(ir::ValueId id) const {
    if (id.none() || graph_.constant(id) != nullptr) return true;
    const ir::Node* producer = graph_.producer(id);
    return producer != nullptr && constant_.contains(producer->id);
  }

  /// Puts what `wanted` needs and no piece has yet into piece k.
  void require(ir::ValueId wanted, std::size_t k) {
    std::vector<ir::ValueId> pending{wanted};
    while (!pending.empty()) {
      const ir::ValueId id = pending.back();
      pending.pop_back();
      if (id.none()) continue;
      const ir::Node* producer = graph_.producer(id);
      if (producer == nullptr || owner_.contains(producer->id) || !pieces_[k].insert(producer->id).second) continue;
      if (!belongs_to_users(*producer)) owner_.emplace(producer->id, k);
      pending.insert(pending.end(), producer->inputs.begin(), producer->inputs.end());
    }
  }

  bool crosses(ir::ValueId id, std::size_t k) const {
    if (id.none() || graph_.constant(id) != nullptr) return false;
    const ir::Node* producer = graph_.producer(id);
    return producer == nullptr || !pieces_[k].contains(producer->id);
  }

  Segment piece(std::size_t k, const std::vector<std::set<ir::ValueId>>& read) const {
    Segment segment;
    segment.graph.name = graph_.name;
    segment.graph.opset = graph_.opset;
    std::map<ir::ValueId, ir::ValueId> known;
    for (const ir::ValueId id : read[k]) {
      segment.inputs.push_back(id);
      known.emplace(id, segment.graph.add_input(graph_.value(id).name, graph_.value(id).type));
    }
    for (const ir::NodeId id : order_) {
      if (!pieces_[k].contains(id)) continue;
      copy(graph_.node(id), segment, known);
      for (const ir::ValueId output : graph_.node(id).outputs) {
        const bool later = std::any_of(read.begin() + static_cast<std::ptrdiff_t>(k) + 1, read.end(),
                                       [&](const auto& values) { return values.contains(output); });
        if (output != cuts_[k] && !(later && owner_.contains(id))) continue;
        segment.outputs.push_back(output);
        segment.graph.add_output(known.at(output));
      }
    }
    return segment;
  }

  void copy(const ir::Node& node, Segment& segment, std::map<ir::ValueId, ir::ValueId>& known) const {
    ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {}, {}};
    for (const ir::ValueId input : node.inputs) {
      if (input.none()) {
        spec.inputs.emplace_back();
        continue;
      }
      if (const ir::Tensor* constant = graph_.constant(input); constant != nullptr && !known.contains(input))
        known.emplace(input, segment.graph.add_constant(graph_.value(input).name, *constant));
      spec.inputs.push_back(known.at(input));
    }
    for (const ir::ValueId output : node.outputs) {
      spec.output_types.push_back(graph_.value(output).type);
      spec.output_names.push_back(graph_.value(output).name);
    }
    const auto made = segment.graph.add_node(std::move(spec));
    for (std::size_t i = 0; i < made.size(); ++i) known.emplace(node.outputs[i], made[i]);
  }

  const ir::Graph& graph_;
  std::span<const ir::ValueId> cuts_;
  std::vector<ir::NodeId> order_;
  std::set<ir::NodeId> constant_;
  std::map<ir::NodeId, std::size_t> owner_;
  std::vector<std::set<ir::NodeId>> pieces_;
};

}  // namespace

SplitGraph split_activations(const ir::Graph& graph, std::span<const ir::NodeId> anchors) {
  SplitGraph split{graph, {}};
  for (const ir::NodeId id : anchors) {
    const ir::Node& node = graph.node(id);
    const ir::ValueId result = node.outputs.at(0);
    const ops::Epilogue epilogue = ops::epilogue(node);
    if (epilogue.activation == "none") {
      split.sum[id] = result;
      continue;
    }
    const ir::Node& present = split.graph.node(id);
    ir::Patch patch(split.graph, "split an activation from its anchor");
    ir::NodeSpec plain{node.op, present.inputs, node.attrs, node.name, {graph.value(result).type}, {}};
    for (const char* own : {"activation", "activation_alpha", "activation_beta"}) plain.attrs.erase(own);
    split.sum[id] = patch.add_node(std::move(plain))[0];
    patch.replace(result, passes::add_activation(patch, epilogue, split.sum[id], node.name, graph.value(result).type));
    split.graph.apply(patch);
  }
  for (auto& [id, sum] : split.sum) INC_CHECK(split.graph.alive(sum), "the sums of anchors survive");
  return split;
}

std::vector<Segment> cut(const ir::Graph& graph, std::span<const ir::ValueId> cuts) {
  return Cutter(graph, cuts).cut();
}

}  // namespace inc::calib
