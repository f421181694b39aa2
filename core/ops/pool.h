#pragma once
// Inside the pool family: its groups of rows.
#include <span>

#include "core/ops/ops.h"

namespace inc::ops {

std::span<const OpInfo> window_pool_rows();  ///< MaxPool, AveragePool, LpPool and their global forms
std::span<const OpInfo> region_pool_rows();  ///< RoiAlign, MaxRoiPool, MaxUnpool

}  // namespace inc::ops
