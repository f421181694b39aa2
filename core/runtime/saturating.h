#pragma once
// Execution as on a CPU without VNNI, on any CPU: INT8 anchors lose what the saturation of pairs takes from their sums.
#include <cstdint>
#include <map>
#include <memory>

#include "core/runtime/adaptor.h"

namespace inc::runtime {

/// The adaptor with the arithmetic of quant::with_saturation(). Graphs that cannot saturate run unchanged, bit by bit.
/// Called "<name>-avx2".
std::unique_ptr<const Adaptor> saturating(std::unique_ptr<const Adaptor> exact);

/// What saturation did to one anchor over the samples seen.
struct SaturationCount {
  std::int64_t outputs = 0, saturated = 0;  ///< of the anchor; those whose sum is not exact
  float worst = 0;                          ///< the greatest magnitude of a loss, in real units
};

/// Runs the graph as on a CPU without VNNI on one batch and adds to the counts: an entry for each anchor at risk.
void count_saturated(const Adaptor& exact, const ir::Graph& graph, std::span<const ir::Tensor> inputs,
                     std::map<ir::NodeId, SaturationCount>& counts);

}  // namespace inc::runtime
