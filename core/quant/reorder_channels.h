#pragma once
// Channels in an order in which large weights meet small ones, so that pair-bounded scales need not grow.
#include <string>
#include <vector>

#include "core/ir/graph.h"

namespace inc::quant {

struct ReorderReport {
  int groups = 0, moved = 0;  ///< groups of channels that can move and that some weight sums over; those that did
  double growth_before = 1, growth_after = 1;  ///< mean over the channels of all anchors: pair-bounded scale / full scale
  std::vector<std::string> kept;               ///< why the other groups stay
};

/// Permutes channels where their producers and all that reads them can follow (channel_groups.h): constants are replaced,
/// nodes and values stay. Results are those of the graph before, up to the order of sums; graph inputs and outputs keep
/// theirs. Pairs are chosen to need the least growth over all consumers: channels sorted by magnitude, large with small,
/// then exchanged while that helps. Deterministic.
ReorderReport reorder_channels(ir::Graph& graph);

}  // namespace inc::quant
