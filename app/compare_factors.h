#pragma once
// Factors per channel that an operator of B multiplies in and its readers divide out.
#include <map>
#include <memory>
#include <vector>

#include "app/compare_regions.h"

namespace inc::app {

/// Of A's values. Where B's weights, or where there are none its values, are A's by another scale per channel, that counts
/// only if all that reads the value comes closer to A with it than without: a scale that is merely wrong does not.
std::map<ir::ValueId, ChannelFactors> shared_factors(const ir::Graph& a_plain, const ir::Graph& b_plain, const Match& match,
                                                     const Regions& regions,
                                                     const std::vector<std::unique_ptr<Runnable>>& runnables,
                                                     const Values& a, const Values& b);

}  // namespace inc::app
