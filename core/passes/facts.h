#pragma once
// What rules ask about values: constants, shapes that are provably equal, integers known from shapes.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/ir/graph.h"

namespace inc::passes {

/// A constant, or the DequantizeLinear of constants.
bool is_fixed(const ir::Graph& graph, ir::ValueId id);
/// The value of a constant with one element.
std::optional<float> scalar(const ir::Graph& graph, ir::ValueId id);
/// The elements of a constant integer tensor.
std::optional<std::vector<std::int64_t>> integers(const ir::Graph& graph, ir::ValueId id);
/// Every dimension is provably equal: the same number or the same name.
bool same_shape(const ir::TensorType& a, const ir::TensorType& b) noexcept;
/// The value may be replaced by `by` without the graph's outputs noticing: same type, and an output is not rewired to
/// a graph input, a constant or another output.
bool replaceable(const ir::Graph& graph, ir::ValueId value, ir::ValueId by);

/// One element of an integer tensor that holds dimensions: a number (possibly negative), a dimension's name, or unknown.
struct Element {
  std::optional<std::int64_t> number;
  std::string symbol;
  bool operator==(const Element&) const = default;
  bool known() const noexcept { return number || !symbol.empty(); }
};
/// The elements, in row-major order, of an integer tensor made from constants and Shape by rearrangement. nullopt when it
/// is made in another way, is not integer or has more than 64 elements.
std::optional<std::vector<Element>> elements(const ir::Graph& graph, ir::ValueId id);

/// The axes of a Reduce* (attribute or input), sorted and nonnegative; nullopt when unknown. Empty: all axes.
std::optional<std::vector<std::int64_t>> reduced_axes(const ir::Graph& graph, const ir::Node& node);
/// Whether the node reduces exactly the last axis and keeps it as 1.
bool reduces_last_axis(const ir::Graph& graph, const ir::Node& node);

std::string name_of(const ir::Graph& graph, ir::ValueId id);  ///< "'x'"

}  // namespace inc::passes
