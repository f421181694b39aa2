#pragma once
// What an operator between two INT8 anchors does to quantized values.
#include <cstdint>
#include <vector>

#include "core/ir/graph.h"

namespace inc::quant {

enum class Passage : std::uint8_t {
  None,     ///< its input cannot take the qparams of its output
  Same,     ///< moves or picks elements: quantizing before it or behind it gives the same numbers
  Average,  ///< results lie within the input's range, between its levels
};
Passage passage_of(const ir::Graph& graph, const ir::Node& node);

/// Positions of the inputs that are data (all of a Concat, the first one of others).
std::vector<std::size_t> data_inputs(const ir::Node& node);

}  // namespace inc::quant
