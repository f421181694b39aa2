#pragma once
// The parts of the reduce family.
#include <span>

#include "core/ops/ops.h"

namespace inc::ops {

std::span<const OpInfo> reduce_axes_rows() noexcept;    ///< Reduce*
std::span<const OpInfo> reduce_search_rows() noexcept;  ///< ArgMax, ArgMin, TopK, CumSum, CumProd

}  // namespace inc::ops
