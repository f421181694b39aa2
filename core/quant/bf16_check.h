#pragma once
// Why a node must not be BF16: its form, its constants, and what its values mean.
#include <map>
#include <set>
#include <string>

#include "core/quant/bf16.h"

namespace inc::quant {

/// Whether the node computes one FP32 type from FP32 data: only such a node can change to BF16.
Support has_bf16_form(const ir::Graph& graph, const ir::Node& node);
/// Whether the node is an INT8 anchor: its weight comes from a DequantizeLinear.
bool is_int8(const ir::Graph& graph, const ir::Node& node);

/// Whether the node is a Cast from FP32 to BF16.
bool is_narrowing(const ir::Graph& graph, const ir::Node& node);
/// Whether the node reads its input's shape alone, in whatever type.
bool reads_shape_only(const ir::Node& node);
/// The BF16 value that the graph holds of an FP32 value already, before a Cast or behind one; the missing id otherwise.
ir::ValueId bf16_twin(const ir::Graph& graph, ir::ValueId value);

/// The range check, prepared once for a graph.
class Bf16Check {
 public:
  Bf16Check(const ir::Graph& graph, const Bf16Policies& policies, const RangeTable& ranges, Bf16Constants& constants);
  /// Whether BF16 does the node's values no harm; the node has a BF16 form.
  Support harmless(const ir::Node& node) const;

 private:
  void find_integers(const ir::Node& node);
  void find_exact(const ir::Node& node);
  bool makes_integers(const ir::Node& node) const;
  bool small(ir::ValueId value) const;
  void find_between();

  const ir::Graph& graph_;
  const Bf16Policies& policies_;
  Bf16Constants& constants_;
  std::map<ir::ValueId, Range> ranges_;       ///< over all methods
  std::set<ir::ValueId> integers_;            ///< FP32 values that hold integers which may exceed 256
  std::map<ir::ValueId, std::string> exact_;  ///< values that end up where digits count, and where
  std::set<ir::NodeId> between_;              ///< with an operator of the allow list before and behind
};

}  // namespace inc::quant
