#pragma once
// Strides of operands along the axes of a destination, for our own kernels.
#include <optional>
#include <vector>

#include "adaptors/onednn/builder.h"

namespace inc::onednn {

/// Axes from the outermost to the innermost in memory. `desc` is permuted or empty (then row-major).
std::vector<std::size_t> memory_order(const Desc& desc, std::size_t rank);

/// Strides in elements along the axes of `shape`, which the operand broadcasts to: 0 where it repeats.
/// Only row-major slots may have another rank than `shape`.
ir::Shape strides_along(const Slot& operand, const ir::Shape& shape);

ir::Shape reordered(const ir::Shape& values, const std::vector<std::size_t>& order);

std::int64_t normal_axis(std::int64_t axis, std::size_t rank);

}  // namespace inc::onednn
