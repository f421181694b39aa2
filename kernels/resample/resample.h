#pragma once
// Weighted sums of slices along one axis: resizing by interpolation, axis by axis.
#include <cstdint>
#include <span>

namespace inc::kernels {

/// dst[o, k, :] = Σ weight[i] · src[o, index[i], :] for first[k] ≤ i < first[k + 1]; src is [outer][length][inner], dst
/// [outer][first.size() - 1][inner].
void weigh_slices(const float* src, float* dst, std::int64_t outer, std::int64_t length, std::int64_t inner,
                  std::span<const std::int64_t> first, const std::int64_t* index, const float* weight) noexcept;

}  // namespace inc::kernels
