#pragma once
// Channels of a graph that can be put into another order, and what has to move with them.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/ir/graph.h"

namespace inc::quant {

/// A constant whose `axis` holds channels.
struct ChannelUse {
  ir::NodeId node;
  std::size_t input = 0;  ///< of the node
  int axis = 0;
  std::vector<int> groups;  ///< in order along the axis: several behind a Concat
};

/// Groups of channels that must keep one order: those of one producer, joined by element-wise operators, residuals,
/// depthwise convolutions and normalizations; they pass through pooling, reductions of other axes, transpositions and shapes
/// that keep their axis. A group is fixed where it reaches an input or output of the graph or an operator that mixes
/// channels otherwise.
struct ChannelGroups {
  std::vector<std::int64_t> size;
  std::vector<std::string> fixed;     ///< why a group cannot move; empty: it can
  std::vector<ChannelUse> outputs;    ///< constants that follow the order of what they make or meet one by one
  std::vector<ChannelUse> consumers;  ///< weights that sum over these channels
  bool movable(const std::vector<int>& groups) const;
};

/// Of a fused FP32 graph: Conv, MatMul and Gemm with constant FP32 weights make and read groups.
ChannelGroups channel_groups(const ir::Graph& graph);

}  // namespace inc::quant
