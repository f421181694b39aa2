#pragma once
// Means per output channel of what an anchor makes, sample by sample, and what two of them say about each other.
#include <cstdint>
#include <vector>

#include "core/ir/graph.h"

namespace inc::calib {

/// The axis of the output channels in an anchor's result of that rank: 1 for Conv, the last one for MatMul and Gemm.
int channel_axis(const ir::Node& anchor, int rank);

/// Per sample, then per channel: means over all other axes. `samples` > 1: the first axis holds that many, unless it is the
/// channel axis or has another size; then there is one row for all. Without elements the means are 0.
std::vector<float> channel_means(const ir::Tensor& tensor, int axis, std::int64_t samples);

/// `tensor` with shift[c] added to channel c.
ir::Tensor shifted(const ir::Tensor& tensor, int axis, const std::vector<float>& shift);

/// mean over samples of (wanted − found) per channel, times max(0, 1 − e² / mean²) with e² the squared standard error of
/// that mean. Rows of `channels` numbers; channels that are not finite get 0, and so do all where there are fewer than two
/// rows.
std::vector<float> significant_shift(const std::vector<float>& wanted, const std::vector<float>& found,
                                     std::size_t channels);

}  // namespace inc::calib
