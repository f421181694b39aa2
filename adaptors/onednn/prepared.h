#pragma once
// What is known of a graph before any shape is: checked operators and constant parts.
#include <map>
#include <mutex>
#include <set>

#include "core/ir/graph.h"

namespace inc::onednn {

class Prepared {
 public:
  /// Throws UnsupportedError naming node and type for an operator that cannot be executed.
  explicit Prepared(const ir::Graph& graph);

  const ir::Graph& graph() const noexcept { return graph_; }
  const std::vector<ir::NodeId>& order() const noexcept { return order_; }
  /// Computed from constants alone.
  bool is_constant(ir::ValueId value) const { return constant_.contains(value); }
  /// The value of a constant or of what is computed from constants; nullptr otherwise. Dequantized weights are
  /// computed when first asked for. Thread-safe.
  const ir::Tensor* constant(ir::ValueId value) const;
  /// Content hash of a constant. Thread-safe.
  std::uint64_t content(ir::ValueId value) const;

 private:
  const ir::Tensor* find(ir::ValueId value) const;
  ir::Graph graph_;
  std::vector<ir::NodeId> order_;
  std::set<ir::ValueId> constant_;
  mutable std::recursive_mutex mutex_;
  mutable std::map<ir::ValueId, ir::Tensor> folded_;
  mutable std::map<ir::ValueId, std::uint64_t> hashes_;
};

}  // namespace inc::onednn
