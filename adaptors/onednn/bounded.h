#pragma once
// Groups around convolutions whose activation only cuts, for kernels that take constants per output channel.
#include <optional>
#include <vector>

#include "adaptors/onednn/linear.h"

namespace inc::onednn {

/// t = sum * scale + shift is the group's result before its activation, in steps of the output's scale; the activation
/// becomes bounds of t.
struct BoundedChannels {
  std::vector<float> scale, shift, low, high;
};

/// Nothing for other activations, but those that finish() makes a step of, and for factors that are not one per channel.
/// `step`: the output's scale, 1 for FP32.
std::optional<BoundedChannels> bounded_channels(const Builder& builder, const Anchor& anchor, bool with_factors, float step);

/// Padding in front of the first pixel along a spatial axis of a convolution or pool.
std::int64_t padding_before(const ir::Node& node, std::size_t axis, std::int64_t in, std::int64_t out, std::int64_t window,
                            std::int64_t stride, std::int64_t dilation);

}  // namespace inc::onednn
