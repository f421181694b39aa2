#pragma once
// Reproducible tensors for tests.
#include <vector>

#include "core/base/rng.h"
#include "core/ir/graph.h"

namespace inc::testing {

/// Uniform in [low, high); integers are rounded down, Bool is a coin.
ir::Tensor random_tensor(DType dtype, const ir::Shape& shape, Rng& rng, double low = -1, double high = 1);
/// One tensor per graph input; dimensions that are not numbers become `symbolic`. Integer inputs lie in [0, int_high).
std::vector<ir::Tensor> random_inputs(const ir::Graph& graph, Rng& rng, std::int64_t symbolic = 2,
                                      std::int64_t int_high = 4);

}  // namespace inc::testing
