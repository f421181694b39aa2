#pragma once
// Normalizations over the last axis of row-major data. Sums in whole vectors: 99 rows of 64 in 1.7 µs, 128 of 768 in 13.4
// (Zen 5, one thread, AVX512); sixteen sums side by side, as the compiler arranged them, took 2.6 and 17.3.
#include <cstdint>

#include "core/base/bfloat16.h"

namespace inc::kernels {

/// dst = (src - mean) / sqrt(variance + epsilon) * scale + shift; `shift` may be nullptr.
void layer_norm(const float* src, float* dst, std::int64_t rows, std::int64_t columns, const float* scale,
                const float* shift, float epsilon) noexcept;
/// dst = src / sqrt(mean(src²) + epsilon) * scale.
void rms_norm(const float* src, float* dst, std::int64_t rows, std::int64_t columns, const float* scale,
              float epsilon) noexcept;

/// BF16 rows; scale and shift in FP32. In FP32, rounded once.
void layer_norm(const BFloat16* src, BFloat16* dst, std::int64_t rows, std::int64_t columns, const float* scale,
                const float* shift, float epsilon) noexcept;
void rms_norm(const BFloat16* src, BFloat16* dst, std::int64_t rows, std::int64_t columns, const float* scale,
              float epsilon) noexcept;

/// Columns that softmax_across takes at a time.
constexpr std::int64_t kSoftmaxColumns = 256;
/// Softmax along the middle axis of [outer, length, inner], neighbours side by side. oneDNN 3.2 has its reference for that:
/// 2 × 16 × 720 in 2.6 ms, here in 0.010 (Zen 5, one thread, AVX512).
void softmax_across(const float* src, float* dst, std::int64_t outer, std::int64_t length, std::int64_t inner) noexcept;

}  // namespace inc::kernels
