#include "kernels/quantize/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/base/parallel.h"
#include "kernels/isa.h"
#include "kernels/quantize/columns.h"
#include "kernels/quantize/step.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
using I32 = std::int32_t;

#define INC_COMBINE_ARGS                                                                                          \
  const std::byte *a, bool signed_a, float scale_a, I32 zero_a, const std::byte *b, bool signed_b, float scale_b, \
      I32 zero_b, std::byte *dst, bool signed_dst, float scale, I32 zero, int64_t count, bool product
INC_KERNEL_DECLARE(void quantize_u8(const float* s, std::uint8_t* d, int64_t n, Step step, float zero) noexcept)
INC_KERNEL_DECLARE(void quantize_s8(const float* s, std::int8_t* d, int64_t n, Step step, float zero) noexcept)
INC_KERNEL_DECLARE(void dequantize_u8(const std::uint8_t* s, float* d, int64_t n, float scale, I32 zero) noexcept)
INC_KERNEL_DECLARE(void dequantize_s8(const std::int8_t* s, float* d, int64_t n, float scale, I32 zero) noexcept)
INC_KERNEL_DECLARE(void quantize_pixels(const float* s, std::byte* d, int64_t pixels, int64_t channels, int64_t between,
                                        Step step, float zero, bool is_signed) noexcept)
INC_KERNEL_DECLARE(void range_of(const float* s, int64_t n, float* low, float* high) noexcept)
INC_KERNEL_DECLARE(void quantize_columns(const float* s, std::byte* d, int64_t n, const float* scale, const I32* zero,
                                         bool is_signed) noexcept)
INC_KERNEL_DECLARE(void line_rows(const float* s, float* d, int64_t rows, int64_t columns, const float* f,
                                  const float* shift, float low) noexcept)
INC_KERNEL_DECLARE(void line_run(const float* s, float* d, int64_t n, float f, float shift, float low) noexcept)
INC_KERNEL_DECLARE(void line_rows8(const float* s, std::byte* d, int64_t rows, int64_t columns, const float* f,
                                   const float* shift, float low, Step step, float zero, bool is_signed) noexcept)
INC_KERNEL_DECLARE(void line_run8(const float* s, std::byte* d, int64_t n, float f, float shift, float low, Step step,
                                  float zero, bool is_signed) noexcept)
INC_KERNEL_DECLARE(void combine(INC_COMBINE_ARGS) noexcept)

namespace {

constexpr int64_t kGrain = 1 << 14, kFew = 256;

/// How to divide by a scale: by its inverse, which takes a microsecond to find and is kept for the next time, unless numbers
/// are few.
Step step_of(float scale, int64_t count) noexcept {
  if (isa() == Isa::Baseline || count < kFew) return {scale, {}};
  thread_local std::array<Step, 256> known{};
  std::uint32_t bits = 0;
  std::memcpy(&bits, &scale, sizeof bits);
  Step& step = known[(bits * 2654435761u) >> 24];
  if (step.scale != scale) step = {scale, exact_inverse(scale)};
  return step;
}

void quantize_run(const float* src, std::byte* dst, int64_t count, const Affine8& as) noexcept {
  const auto zero = static_cast<float>(as.zero_point);
  const Step step = step_of(as.scale, count);
  if (as.is_signed)
    INC_KERNEL_CALL(quantize_s8, src, reinterpret_cast<std::int8_t*>(dst), count, step, zero);
  else
    INC_KERNEL_CALL(quantize_u8, src, reinterpret_cast<std::uint8_t*>(dst), count, step, zero);
}

void dequantize_run(const std::byte* src, float* dst, int64_t count, const Affine8& as) noexcept {
  if (as.is_signed)
    INC_KERNEL_CALL(dequantize_s8, reinterpret_cast<const std::int8_t*>(src), dst, count, as.scale, as.zero_point);
  else
    INC_KERNEL_CALL(dequantize_u8, reinterpret_cast<const std::uint8_t*>(src), dst, count, as.scale, as.zero_point);
}

}  // namespace

/// The two products and their sum are within 2^-47 of the quotient before the last rounding. That rounds as the quotient
/// does unless a number lies as near to where rounding changes from or to a half; those products with the scale are exact
/// here.
Inverse exact_inverse(float scale) noexcept {
  if (!(scale > 1e-20f && scale < 1e20f)) return {};
  for (int k = 0; k < 512; ++k)
    for (const float away : {0.0f, 1e3f}) {
      const float half = static_cast<float>(k) + 0.5f;
      const double product = (static_cast<double>(half) + std::nextafterf(half, away)) / 2 * scale;
      if (std::abs(product - static_cast<float>(product)) <= 0x1p-46 * product) return {};
    }
  const float high = 1.0f / scale;
  return {high, static_cast<float>(1.0 / scale - high)};
}

void quantize_row(const float* src, std::byte* dst, int64_t count, const Affine8& as) noexcept {
  quantize_run(src, dst, count, as);
}

void quantize(const float* src, std::byte* dst, int64_t count, const Affine8& as) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { quantize_run(src + begin, dst + begin, end - begin, as); });
}

void quantize_pixels(const float* src, std::byte* dst, int64_t images, int64_t channels, int64_t pixels,
                     const Affine8& as) noexcept {
  const auto zero = static_cast<float>(as.zero_point);
  const int64_t parts = std::max<int64_t>(1, pixels / kGrain);
  parallel_for(images * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = pixels * (i % parts) / parts, to = pixels * (i % parts + 1) / parts, image = i / parts;
      INC_KERNEL_CALL(quantize_pixels, src + image * channels * pixels + from, dst + (image * pixels + from) * channels,
                      to - from, channels, pixels, step_of(as.scale, to - from), zero, as.is_signed);
    }
  });
}

void quantize_pixel_run(const float* src, std::byte* dst, int64_t pixels, int64_t channels, int64_t channel_step,
                        const Affine8& as) noexcept {
  if (channels == 1) return quantize_row(src, dst, pixels, as);
  const auto zero = static_cast<float>(as.zero_point);
  INC_KERNEL_CALL(quantize_pixels, src, dst, pixels, channels, channel_step, step_of(as.scale, pixels), zero, as.is_signed);
}

void quantize_to_range(const float* src, std::uint8_t* dst, int64_t count, float* scale, std::uint8_t* zero_point) noexcept {
  constexpr int64_t kMostParts = 64;
  const int64_t parts = std::clamp<int64_t>(count / kGrain, 1, kMostParts);
  std::array<float, kMostParts> low{}, high{};
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t from = count * p / parts, to = count * (p + 1) / parts;
      const auto at = static_cast<std::size_t>(p);
      INC_KERNEL_CALL(range_of, src + from, to - from, &low[at], &high[at]);
    }
  });
  const float lo = *std::min_element(low.begin(), low.end()), hi = *std::max_element(high.begin(), high.end());
  *scale = hi == lo ? 1.0f / 255.0f : (hi - lo) / 255.0f;
  const float zero = 0.0f - lo;
  quantize_run(&zero, reinterpret_cast<std::byte*>(zero_point), 1, {*scale, 0, false});
  quantize(src, reinterpret_cast<std::byte*>(dst), count, {*scale, *zero_point, false});
}

void dequantize(const std::byte* src, float* dst, int64_t count, const Affine8& as) noexcept {
  parallel_for(count, kGrain,
               [&](int64_t begin, int64_t end) { dequantize_run(src + begin, dst + begin, end - begin, as); });
}

void quantize_channels(const float* src, std::byte* dst, int64_t outer, int64_t channels, int64_t inner, const float* scale,
                       const I32* zero_point, bool is_signed) noexcept {
  if (inner == 1)
    return parallel_for(outer, kGrain / std::max<int64_t>(1, channels) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        INC_KERNEL_CALL(quantize_columns, src + o * channels, dst + o * channels, channels, scale, zero_point, is_signed);
    });
  parallel_for(outer * channels, kGrain / std::max<int64_t>(1, inner) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      quantize_run(src + i * inner, dst + i * inner, inner, {scale[i % channels], zero_point[i % channels], is_signed});
  });
}

void dequantize_channels(const std::byte* src, float* dst, int64_t outer, int64_t channels, int64_t inner,
                         const float* scale, const I32* zero_point, bool is_signed) noexcept {
  parallel_for(outer * channels, kGrain / std::max<int64_t>(1, inner) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      dequantize_run(src + i * inner, dst + i * inner, inner, {scale[i % channels], zero_point[i % channels], is_signed});
  });
}

namespace {

/// Blocks of one channel; run(first element, count, factor, shift).
template <class Run>
void over_blocks(int64_t outer, int64_t channels, int64_t inner, const ChannelLines& lines, Run run) noexcept {
  const auto block = [&](int64_t i, int64_t from, int64_t to) {
    run(i * inner + from, to - from, lines.factor[i % channels], lines.shift[i % channels]);
  };
  if (outer * channels == 1) return parallel_for(inner, kGrain, [&](int64_t from, int64_t to) { block(0, from, to); });
  parallel_for(outer * channels, kGrain / std::max<int64_t>(1, inner) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) block(i, 0, inner);
  });
}

}  // namespace

void channel_lines(const float* src, float* dst, int64_t outer, int64_t channels, int64_t inner,
                   const ChannelLines& lines) noexcept {
  if (inner == 1)
    return over_columns(outer, channels, lines, [&](int64_t at, int64_t rows, int64_t columns, const ChannelLines& l) {
      INC_KERNEL_CALL(line_rows, src + at, dst + at, rows, columns, l.factor, l.shift, l.low);
    });
  over_blocks(outer, channels, inner, lines, [&](int64_t at, int64_t count, float factor, float shift) {
    INC_KERNEL_CALL(line_run, src + at, dst + at, count, factor, shift, lines.low);
  });
}

void quantize_line_rows(const float* src, std::byte* dst, int64_t rows, int64_t channels, const ChannelLines& lines,
                        const Affine8& as) noexcept {
  INC_KERNEL_CALL(line_rows8, src, dst, rows, channels, lines.factor, lines.shift, lines.low,
                  step_of(as.scale, rows * channels), static_cast<float>(as.zero_point), as.is_signed);
}

void quantize_lines(const float* src, std::byte* dst, int64_t outer, int64_t channels, int64_t inner,
                    const ChannelLines& lines, const Affine8& as) noexcept {
  const auto zero = static_cast<float>(as.zero_point);
  if (inner == 1)
    return over_columns(outer, channels, lines, [&](int64_t at, int64_t rows, int64_t columns, const ChannelLines& l) {
      quantize_line_rows(src + at, dst + at, rows, columns, l, as);
    });
  over_blocks(outer, channels, inner, lines, [&](int64_t at, int64_t count, float factor, float shift) {
    INC_KERNEL_CALL(line_run8, src + at, dst + at, count, factor, shift, lines.low, step_of(as.scale, count), zero,
                    as.is_signed);
  });
}

void combine8(const std::byte* a, const Affine8& as_a, const std::byte* b, const Affine8& as_b, std::byte* dst,
              const Affine8& as, int64_t count, bool product) noexcept {
  parallel_for(count, kGrain, [&](int64_t i, int64_t end) {
    INC_KERNEL_CALL(combine, a + i, as_a.is_signed, as_a.scale, as_a.zero_point, b + i, as_b.is_signed, as_b.scale,
                    as_b.zero_point, dst + i, as.is_signed, as.scale, as.zero_point, end - i, product);
  });
}

void lookup8(const std::byte* src, std::byte* dst, int64_t count, const std::byte* table) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) dst[i] = table[static_cast<std::size_t>(src[i])];
  });
}

}  // namespace inc::kernels
