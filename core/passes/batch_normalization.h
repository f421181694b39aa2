#pragma once
// BatchNormalization in inference as y = scale[c] * x + shift[c].
#include <vector>

#include "core/base/support.h"
#include "core/ir/graph.h"

namespace inc::passes {

struct ChannelAffine {
  std::vector<float> scale, shift;
};
/// Whether scale, bias, mean and variance are float32 constants and the node is not training.
Support constant_normalization(const ir::Graph& graph, const ir::Node& node);
ChannelAffine channel_affine(const ir::Graph& graph, const ir::Node& node);

}  // namespace inc::passes
