#pragma once
// Which candidates a cost model needs to see.
#include <cstdint>
#include <vector>

#include "core/tuning/cost_layout.h"

namespace inc::tuning {

/// Assignments of classes worth measuring: every operator in its first class, in its last, and where it has it in each; then
/// `mixed_per_class` mixed ones for each class but one, in which neighbours meet in every combination of classes about
/// equally often. Always the same for the same arguments.
std::vector<std::vector<std::uint8_t>> cost_designs(const CostLayout& layout, std::size_t mixed_per_class = 7);

}  // namespace inc::tuning
