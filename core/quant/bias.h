#pragma once
// The bias of an INT8 anchor, with its correction.
#include <cstdint>
#include <optional>
#include <span>

#include "core/ir/graph.h"

namespace inc::quant {

struct AnchorBias {
  std::optional<ir::Tensor> value;  ///< FP32; absent: the anchor keeps the bias it has (none, or one that is computed)
  bool integer = false;             ///< one number per output channel, not scaled by a Gemm: may be carried out as int32
  bool added = false;               ///< the anchor has no bias yet
};

/// The bias with `shift` added to it (one number per output channel, or empty: nothing to add). A Gemm's C of any shape that
/// broadcasts takes it, divided by beta. A computed bias, and that of a Gemm with beta = 0, takes none.
/// Throws ConfigError when the shift has another length or is not finite.
AnchorBias bias_with_shift(const ir::Graph& graph, const ir::Node& anchor, std::int64_t channels,
                           std::span<const float> shift);

}  // namespace inc::quant
