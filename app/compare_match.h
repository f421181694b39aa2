#pragma once
// Which values of two graphs are the same one.
#include <map>
#include <string>

#include "core/ir/graph.h"

namespace inc::app {

struct Match {
  std::map<ir::ValueId, ir::ValueId> twin;      ///< of A → of B; graph inputs and results of nodes
  std::map<ir::NodeId, std::string> why_not{};  ///< nodes of A whose first result has no twin
};

/// Walks both graphs from the outputs along operators of one kind, input by input, then from the inputs where only one way
/// leads on, or names agree. An operator that only one graph has, and that reads one variable, is stepped over.
/// Throws ModelError where the graphs' inputs or outputs differ in number or type.
Match match(const ir::Graph& a, const ir::Graph& b);

/// "Conv" for Conv and its group; MatMul and Gemm are one kind, and so are Relu and Clip: of a quantized Relu the levels say
/// how far it goes.
std::string_view kind_of(const ir::Node& node);

}  // namespace inc::app
