#pragma once
// Smooth activations of FP32 numbers, rounded to the wanted type in the same pass. All are x · s or s with
//   s = 1 / (1 + 2^t):  Sigmoid and Silu t = -x log2 e;  GeluTanh t = -x (a + b x²);  Gelu t = -x P(x²)
// where P is fitted to the logarithm of Φ(x) / Φ(-x) up to |x| = 5.6 and grows behind. Within 3e-7 (1 + |x|) of the exact
// value; NaN stays NaN.
//
// One core of a Zen 5 (AVX512), nanoseconds of 16 of 346,112 numbers in place, and what oneDNN 3.2's post-operation adds to
// a convolution or product that writes as many:
//   Silu 1.7 (to FP32 5.3, BF16 4.0, u8 5.2)   Gelu 3.6 (7 to 13)   GeluTanh 2.1; to BF16 0.7 more, to u8 1.2
#include <cstddef>
#include <cstdint>

#include "core/base/bfloat16.h"
#include "kernels/quantize/quantize.h"

namespace inc::kernels {

enum class Smooth : std::uint8_t { Sigmoid, Silu, Gelu, GeluTanh };

/// dst may be src.
void activate(Smooth how, const float* src, float* dst, std::int64_t count) noexcept;
void activate(Smooth how, const float* src, BFloat16* dst, std::int64_t count) noexcept;
/// As quantize() rounds.
void activate(Smooth how, const float* src, std::byte* dst, std::int64_t count, const Affine8& as) noexcept;

/// Rows of channels, each on its line, as quantize_lines() rounds.
void activate(Smooth how, const float* src, std::byte* dst, std::int64_t rows, std::int64_t channels,
              const ChannelLines& lines, const Affine8& as) noexcept;

}  // namespace inc::kernels
