#pragma once
// Multiply-adds of an operator: what GOP/s are counted from (two operations each).
#include <cstdint>
#include <span>

#include "core/ir/graph.h"

namespace inc::ops {

/// Multiply-adds of convolutions, matrix products, attention and recurrent layers for concrete shapes of all inputs and
/// outputs (those that are left out are empty shapes); products with padding count like any other. 0 for every other
/// operator: their work is not counted.
std::int64_t macs(const ir::Node& node, std::span<const ir::Shape> inputs, std::span<const ir::Shape> outputs);

}  // namespace inc::ops
