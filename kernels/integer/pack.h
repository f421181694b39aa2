#pragma once
// Weights as the kernels read them, panel by panel; pack_integers() is declared in integer.h.
#include "kernels/integer/integer.h"

namespace inc::kernels {

/// Of a panel, for a plan in pairs; weights that are not known to be bounded are looked at.
std::int64_t most_fours(const IntegerPlan& plan, const IntegerWeights& weights);

}  // namespace inc::kernels
