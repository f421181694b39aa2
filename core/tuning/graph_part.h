#pragma once
// Parts of a graph as graphs of their own.
#include <map>
#include <set>
#include <vector>

#include "core/ir/graph.h"

namespace inc::tuning {

struct PartOfGraph {
  ir::Graph graph;
  std::vector<ir::ValueId> inputs;            ///< what it reads and does not make, as ids of the whole graph
  std::vector<ir::ValueId> outputs;           ///< as ids of the whole graph
  std::map<ir::ValueId, ir::ValueId> values;  ///< whole → part, of everything but constants
  std::map<ir::NodeId, ir::NodeId> nodes;     ///< whole → part
};

/// The nodes and the constants they read; `outputs` in this order. Names and types are kept.
PartOfGraph part_of(const ir::Graph& whole, const std::set<ir::NodeId>& nodes, const std::vector<ir::ValueId>& outputs);

/// Whether two graphs compute the same, node by node: operators, attributes, links and constants; names do not matter.
bool same_computation(const ir::Graph& a, const ir::Graph& b);

/// Everything that depends on these values, without what makes them.
std::set<ir::NodeId> nodes_behind(const ir::Graph& graph, const std::set<ir::ValueId>& values);

}  // namespace inc::tuning
