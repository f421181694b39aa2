#pragma once
// The parts of the normalize family.
#include <span>

#include "core/ops/ops.h"

namespace inc::ops {

std::span<const OpInfo> normalize_softmax_rows() noexcept;  ///< Softmax, LogSoftmax, Hardmax, LpNormalization, LRN
std::span<const OpInfo> normalize_moment_rows() noexcept;   ///< normalization by mean and variance
std::span<const OpInfo> normalize_loss_rows() noexcept;     ///< NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss

}  // namespace inc::ops
