#pragma once
// Normalizations over the last axis of row-major data.
#include <cstdint>

namespace inc::kernels {

/// dst = (src - mean) / sqrt(variance + epsilon) * scale + shift; `shift` may be nullptr.
void layer_norm(const float* src, float* dst, std::int64_t rows, std::int64_t columns, const float* scale,
                const float* shift, float epsilon) noexcept;
/// dst = src / sqrt(mean(src²) + epsilon) * scale.
void rms_norm(const float* src, float* dst, std::int64_t rows, std::int64_t columns, const float* scale,
              float epsilon) noexcept;

}  // namespace inc::kernels
