#pragma once
// What Pad puts beside a tensor.
#include <cstdint>
#include <string>

namespace inc::ops {

/// The place within an axis of n elements that place i holds after padding; n > 0 where i lies beyond it. `mode` as in ONNX:
/// "constant" (-1: none), "edge", "reflect" or "wrap".
std::int64_t padded_from(std::int64_t i, std::int64_t n, const std::string& mode);

}  // namespace inc::ops
