#pragma once
// What Resize and Upsample do along each axis, for those who carry it out on their own.
#include <optional>

#include "core/ops/ops.h"

namespace inc::ops {

/// Along one axis, output k is the sum of weight[i] · x[index[i]] for first[k] ≤ i < first[k + 1].
struct ResizedAxis {
  std::size_t axis = 0;
  std::vector<std::int64_t> first, index;
  std::vector<float> weight;
  std::int64_t output() const noexcept { return static_cast<std::int64_t>(first.size()) - 1; }
};

/// The axes that change, one after the other. Nothing for regions of interest and where scales and sizes are not known.
/// Throws ModelError like inference.
std::optional<std::vector<ResizedAxis>> resized_axes(const ir::Node& node, const InferContext& context);

}  // namespace inc::ops
