#pragma once
// A graph cut into pieces that run one after another, with chosen values handed from piece to piece.
#include <map>
#include <span>
#include <vector>

#include "core/ir/graph.h"

namespace inc::calib {

/// `graph` with the activation of each given anchor taken out of its group, so that what goes into it is a value.
struct SplitGraph {
  ir::Graph graph;
  std::map<ir::NodeId, ir::ValueId> sum;  ///< per anchor of the given graph: anchor(x, w) + bias + residual
};
SplitGraph split_activations(const ir::Graph& graph, std::span<const ir::NodeId> anchors);

/// inputs → outputs, both as ids of the graph that was cut, in the order of the piece's own inputs and outputs.
struct Segment {
  ir::Graph graph;
  std::vector<ir::ValueId> inputs, outputs;
};

/// Piece k makes cuts[k], and what later pieces need of its nodes, from graph inputs and from what pieces before it made.
/// Every node is in at most one piece, except those that cost little and belong to their users: DequantizeLinear,
/// DynamicQuantizeLinear and what depends on constants alone. Nodes that no cut needs are in none.
/// `cuts` are results of nodes, in topological order, each once.
std::vector<Segment> cut(const ir::Graph& graph, std::span<const ir::ValueId> cuts);

}  // namespace inc::calib
