#pragma once
// LayerNormalization and RMSNormalization over the last axis: found decomposed, taken apart again for older opsets.
#include <string>

#include "core/base/support.h"
#include "core/passes/pattern.h"

namespace inc::passes {

/// Whether the two (or one) means reduce the last axis, whose length is known, and eps is a positive constant.
Support normalizes_last_axis(const ir::Graph& graph, const Match& match);
/// `op`(x, ones){axis = -1, epsilon} in place of `y`.
ir::Patch as_normalization(const ir::Graph& graph, const Match& match, std::string op);

/// Whether lowering must take the node apart, and can.
Support must_decompose(const ir::Graph& graph, const ir::Node& node, std::int64_t since_opset);
/// x / sqrt(mean(x²) + epsilon) * scale (+ bias), added to the patch; `name` is the prefix of node names.
ir::ValueId add_root_mean_square(const ir::Graph& graph, ir::Patch& patch, const ir::Node& node, ir::ValueId x);
/// ReduceMean over the last axis, kept as 1.
ir::ValueId add_mean(const ir::Graph& graph, ir::Patch& patch, const ir::Node& node, ir::ValueId x, const std::string& name);

}  // namespace inc::passes
