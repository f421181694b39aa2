#pragma once
// Between FP32 and 8 bits. Bit-exact against the scalar definition on every ISA:
//   q = saturate(round_half_even(x / scale) + zero_point), NaN → zero_point;   x = scale * (q - zero_point)
#include <cstddef>
#include <cstdint>

namespace inc::kernels {

/// Parameters of 8-bit data.
struct Affine8 {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool is_signed = false;
};

/// 1 / scale as a sum of two numbers such that x * high + x * low, rounded once behind the products, rounds to the same
/// 8-bit number as x / scale for every x. Zeros where there is none (about one scale in 2000).
struct Inverse {
  float high = 0, low = 0;
};
Inverse exact_inverse(float scale) noexcept;

void quantize(const float* src, std::byte* dst, std::int64_t count, const Affine8& as) noexcept;
/// The same for a piece of a row, on the calling thread.
void quantize_row(const float* src, std::byte* dst, std::int64_t count, const Affine8& as) noexcept;
/// The same with few channels moved innermost: src[images][channels][pixels] → dst[images][pixels][channels], 2 to 4
/// channels. 3 channels of 224×224 pixels on one core of a Zen 5: 16 µs with AVX512, 32 with AVX2; quantizing and the
/// library's reorder 67.
void quantize_pixels(const float* src, std::byte* dst, std::int64_t images, std::int64_t channels, std::int64_t pixels,
                     const Affine8& as) noexcept;
/// The same for some pixels of a row, on the calling thread; channels lie `channel_step` apart.
void quantize_pixel_run(const float* src, std::byte* dst, std::int64_t pixels, std::int64_t channels,
                        std::int64_t channel_step, const Affine8& as) noexcept;
/// ONNX DynamicQuantizeLinear: u8 with the scale and zero point of the interval that holds 0 and all numbers of src.
void quantize_to_range(const float* src, std::uint8_t* dst, std::int64_t count, float* scale,
                       std::uint8_t* zero_point) noexcept;
void dequantize(const std::byte* src, float* dst, std::int64_t count, const Affine8& as) noexcept;

/// Rows of `channels` blocks of `inner` elements, each block with its own scale and zero point.
void quantize_channels(const float* src, std::byte* dst, std::int64_t outer, std::int64_t channels, std::int64_t inner,
                       const float* scale, const std::int32_t* zero_point, bool is_signed) noexcept;
void dequantize_channels(const std::byte* src, float* dst, std::int64_t outer, std::int64_t channels, std::int64_t inner,
                         const float* scale, const std::int32_t* zero_point, bool is_signed) noexcept;

/// y = max(x * factor[channel] + shift[channel], low); NaN stays NaN. A shift of -0 changes nothing.
struct ChannelLines {
  const float* factor = nullptr;
  const float* shift = nullptr;
  float low = -__builtin_inff();
};
void channel_lines(const float* src, float* dst, std::int64_t outer, std::int64_t channels, std::int64_t inner,
                   const ChannelLines& lines) noexcept;
/// dst = quantize(y), with one scale and zero point for all.
void quantize_lines(const float* src, std::byte* dst, std::int64_t outer, std::int64_t channels, std::int64_t inner,
                    const ChannelLines& lines, const Affine8& as) noexcept;

/// Rows of channels side by side (inner 1), on the calling thread.
void quantize_line_rows(const float* src, std::byte* dst, std::int64_t rows, std::int64_t channels,
                        const ChannelLines& lines, const Affine8& as) noexcept;

/// dst = quantize(dequantize(a) + dequantize(b)); with `product`, their product.
void combine8(const std::byte* a, const Affine8& as_a, const std::byte* b, const Affine8& as_b, std::byte* dst,
              const Affine8& as_dst, std::int64_t count, bool product) noexcept;

/// dst[i] = table[src[i]].
void lookup8(const std::byte* src, std::byte* dst, std::int64_t count, const std::byte* table) noexcept;

}  // namespace inc::kernels
