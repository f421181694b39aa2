#pragma once
// Attention as one operator to quantize: two products of computed operands with a softmax between.
#include <optional>
#include <set>
#include <vector>

#include "core/ir/graph.h"

namespace inc::quant {

/// context = MatMul(… softmax(… scores = MatMul(q, k) …) …, v): between are only masks, scales and movements that nobody
/// else reads, and none of q, k, v is constant. Named by `context`: what a QuantConfig chooses for that node counts for the
/// whole: q, k and v in 8 bits.
struct Attention {
  ir::NodeId scores, softmax, context;
  std::set<ir::NodeId> nodes;  ///< from the scores to the context
};

std::optional<Attention> attention_at(const ir::Graph& graph, const ir::Node& context);
/// In topological order.
std::vector<Attention> attentions(const ir::Graph& graph);

}  // namespace inc::quant
