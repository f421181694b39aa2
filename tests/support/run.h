#pragma once
// A whole graph by the operators' scalar definitions: slow, and independent of every adaptor.
#include <map>
#include <span>
#include <vector>

#include "core/ir/graph.h"

namespace inc::testing {

/// Every value of the graph, constants and inputs included.
std::map<ir::ValueId, ir::Tensor> run_all(const ir::Graph& graph, std::span<const ir::Tensor> inputs);
/// The graph outputs in order.
std::vector<ir::Tensor> run(const ir::Graph& graph, std::span<const ir::Tensor> inputs);

}  // namespace inc::testing
