#pragma once
// Where time is spent, and which choices it depends on: the sites of the cost model.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tuning/space.h"

namespace inc::tuning {

/// An operator of the fused graph. Its time is that of its own step and of the conversions (quantize, dequantize, cast,
/// reorder) made for it or for what it yields.
struct CostSite {
  std::string name;
  std::optional<std::size_t> own;          ///< its dimension, when it has one
  std::vector<std::size_t> before, after;  ///< dimensions of the nearest operators with a choice, nearest first
};

struct CostLayout {
  std::vector<CostSite> sites;                      ///< in topological order of the fused graph
  std::map<ir::NodeId, std::size_t> site_of;        ///< nodes of the fused graph
  std::vector<ir::NodeId> nodes;                    ///< per dimension
  std::vector<std::string> dims;                    ///< their names
  std::vector<std::vector<std::string>> classes;    ///< per dimension: its speed classes in order of its options
  std::vector<std::vector<std::uint8_t>> class_of;  ///< per dimension and option: index into `classes`

  /// The site of a node of a candidate: itself, or for an inserted node the operator that makes what it converts (that
  /// reads it, where it converts an input of the graph).
  std::optional<std::size_t> site(const ir::Graph& candidate, ir::NodeId node) const;
  /// Per dimension the class of the point's option.
  std::vector<std::uint8_t> classes_of(const search::Point& point) const;
  /// Per dimension the first option of that class.
  search::Point point_of(const std::vector<std::uint8_t>& chosen) const;
};

CostLayout cost_layout(const ir::Graph& fused, const TuningSpace& space);

/// Hash of operators, wiring, attributes and shapes: what times depend on besides the machine. Numbers in weights do not
/// count.
std::string structure_hash(const ir::Graph& graph);

}  // namespace inc::tuning
