#pragma once
// Between FP32 and BF16. Bit-exact on every ISA: rounding to nearest, ties to even; denormals are kept; NaN stays a quiet
// NaN with its sign and upper payload.
#include <cstdint>

#include "core/base/bfloat16.h"

namespace inc::kernels {

void to_bf16(const float* src, BFloat16* dst, std::int64_t count) noexcept;
void to_fp32(const BFloat16* src, float* dst, std::int64_t count) noexcept;
/// FP32 numbers that BF16 has: dst = to_fp32(to_bf16(src)). dst may be src.
void round_to_bf16(const float* src, float* dst, std::int64_t count) noexcept;

/// The same for pieces of a row, on the calling thread.
void narrow_row(const float* src, BFloat16* dst, std::int64_t count) noexcept;
void widen_row(const BFloat16* src, float* dst, std::int64_t count) noexcept;

}  // namespace inc::kernels
