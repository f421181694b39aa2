#pragma once
// Text for people, goldens and changed-flags: close to ONNX's textual syntax; large constants as type and hash.
#include <string>

#include "core/ir/graph.h"

namespace inc::ir {

/// name (type x, …) => (type y, …) <type w = {…} or #hash, …> { y = Op<attr = …>(x, w) … }, one node per line.
std::string print(const Graph& graph);
/// One node: "y = Op<attr = 1>(x, w)".
std::string print(const Graph& graph, NodeId node);

}  // namespace inc::ir
