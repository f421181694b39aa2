#pragma once
// Where BF16 goes: lists of operators, the plan for a graph, and the Cast nodes that carry it out.
// Decided by operator, types, constants and ranges, never by names.
//
// Numerics: a BF16 node reads BF16 (constants too, biases included), computes in FP32 and rounds its result to nearest
// even once; a fused group is one node. Casts to BF16 round, casts back are exact.
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/base/support.h"
#include "core/ops/ops.h"
#include "core/quant/scheme.h"

namespace inc::quant {

/// Changes to the lists of the operator table, as ONNX operator types.
struct Bf16Lists {
  std::vector<std::string> allow_add = {}, allow_remove = {};
  std::vector<std::string> infer_add = {}, infer_remove = {};
  std::vector<std::string> deny_add = {}, deny_remove = {};
};

/// From INC_BF16_ALLOWLIST_ADD, INC_BF16_ALLOWLIST_REMOVE, INC_BF16_INFERLIST_ADD, …_DENYLIST_REMOVE: operator types
/// separated by commas. Not checked here.
Bf16Lists lists_from_environment();

/// The list each operator is on.
///   allow: cast to BF16 wherever it is wanted; it gains much.     infer: BF16 where that saves casts.     deny: keeps FP32.
class Bf16Policies {
 public:
  /// Removals first, then additions; of several calls the last one wins. An operator taken off the allow or infer list
  /// keeps FP32, one taken off the deny list is inferred; an addition moves an operator from whatever list it is on.
  /// Removing an operator from a list that it is not on changes nothing. Throws ConfigError for an operator type that does
  /// not exist here, and for one added to two lists at once.
  Bf16Policies& change(const Bf16Lists& lists);
  /// Nodes that keep FP32 whatever the lists say.
  Bf16Policies& deny(const std::set<ir::NodeId>& nodes);
  ops::Bf16Policy of(const ir::Node& node) const;
  bool denied(const ir::Node& node) const { return denied_.contains(node.id); }

 private:
  std::map<std::string, ops::Bf16Policy> changed_;
  std::set<ir::NodeId> denied_;
};

/// What is known of FP32 constants, and their BF16 forms: each computed once per storage, which is kept alive. Thread-safe.
class Bf16Constants {
 public:
  /// Whether rounding to BF16 does the constant no harm. No for finite numbers that become infinite (beyond 3.39e38), and
  /// for tables (three or more different values) of integers up to 2^24 that lose digits: indices, positions, counts.
  /// Infinities and masks such as -1e9 pass.
  Support can_round(const ir::Tensor& constant);
  ir::Tensor rounded(const ir::Tensor& constant);

 private:
  struct Entry {
    ir::Tensor constant;
    std::unique_ptr<Support> can_round;
    ir::Tensor rounded;
  };
  Entry& entry(const ir::Tensor& constant);
  std::mutex mutex_;
  std::map<const void*, Entry> entries_;
};

/// The positions of the inputs that are BF16 when the node is: its FP32 inputs, except those whose values decide a shape
/// (the scales of a Resize).
std::vector<std::size_t> bf16_inputs(const ir::Graph& graph, const ir::Node& node);

struct Bf16Plan {
  std::set<ir::NodeId> nodes;                 ///< BF16
  std::map<ir::NodeId, std::string> why_not;  ///< nodes with FP32 results that stay FP32, each with its reason
  std::size_t casts = 0;                      ///< Cast nodes that cast_bf16 will add
};

/// Operators of the allow list that are to be BF16 under `config`: those it puts into BF16 and, when there is one, those
/// it does not speak of (MatMuls of two activations, ConvTranspose, …). INT8 ones are not.
std::set<ir::NodeId> bf16_wanted(const ir::Graph& graph, const QuantConfig& config, const Bf16Policies& policies);
/// Every operator of the allow list that is not INT8.
std::set<ir::NodeId> bf16_wanted(const ir::Graph& graph, const Bf16Policies& policies);

/// Which nodes of F, or of F with Q/DQ, become BF16: the wanted ones, and of the inferred ones the set under which the
/// fewest casts are needed (a minimum cut; of equal counts the one that casts the fewest elements; then FP32, except that
/// operators which only move or pick elements prefer the smaller type). Graph inputs and outputs keep their types.
/// A node stays FP32 where BF16 would hurt: constants that cannot be rounded; FP32 integers of unknown size, from a Cast or
/// a rounding; ranges beyond BF16's; results that end up, without another wanted operator between, in comparisons, indices,
/// ranks or coordinates.
Bf16Plan plan_bf16(const ir::Graph& graph, const std::set<ir::NodeId>& wanted, const Bf16Policies& policies,
                   const RangeTable& ranges, Bf16Constants& constants);

/// The graph with Cast nodes at the borders of the plan: one per value and direction, shared by all readers; none between
/// BF16 nodes; a Cast that is there already is used or bypassed. Constants are rounded. NodeIds are kept.
ir::Graph cast_bf16(const ir::Graph& graph, const Bf16Plan& plan, Bf16Constants& constants);

/// The plan as text that survives export and import: a JSON list of the names of the values that are made in BF16.
std::string bf16_plan_text(const ir::Graph& graph, const Bf16Plan& plan);
/// The plan for a graph imported (and fused) from a file that carries the text. Names that no node makes any more, and
/// nodes that have no BF16 form, are left out. Throws ModelError for text that is not such a list.
Bf16Plan bf16_plan_of(const ir::Graph& graph, const std::string& text);

}  // namespace inc::quant
