#pragma once
// Pooling of 8-bit data, bit-exact on every ISA. Averages are sums in int32:
//   q = saturate(round_half_even(Σ (x_q - zero_in) * factor) + zero_out), factor = scale_in / (count * scale_out) in FP64
// One core of a Zen 5 within ResNet-50 at batch 1: MaxPool 3×3 stride 2 of 112×112×64 in 46 µs (AVX2 37), oneDNN 135; mean
// of 7×7×2048 in 6 µs, one number at a time 170.
#include <cstddef>
#include <cstdint>

#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// Channels last. What of a window lies outside the image does not count.
struct PoolShape {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t top = 0, left = 0;
};

/// Every window has at least one pixel of the image.
void max_pool8(const std::byte* src, std::byte* dst, const PoolShape& shape, bool is_signed) noexcept;

/// `whole`: count is the size of the window, with what lies outside the image as zeros; otherwise the pixels inside.
void average_pool8(const std::byte* src, const Affine8& as_src, std::byte* dst, const Affine8& as_dst,
                   const PoolShape& shape, bool whole) noexcept;

/// Means over the window of a global pool: src[outer][window][inner] → dst[outer][inner].
void mean8(const std::byte* src, const Affine8& as_src, std::byte* dst, const Affine8& as_dst, std::int64_t outer,
           std::int64_t window, std::int64_t inner) noexcept;

}  // namespace inc::kernels
