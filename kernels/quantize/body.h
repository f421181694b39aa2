// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstddef>
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

template <class Q>
struct Limits;
template <>
struct Limits<std::uint8_t> {
  static constexpr float lo = 0, hi = 255;
};
template <>
struct Limits<std::int8_t> {
  static constexpr float lo = -128, hi = 127;
};

template <class Q>
inline __attribute__((always_inline)) Q to_8(float scaled, float zero) {
  const float lo = Limits<Q>::lo - zero, hi = Limits<Q>::hi - zero;
  float v = scaled == scaled ? scaled : 0.0f;
  v = v < lo ? lo : v;
  v = v > hi ? hi : v;
  return static_cast<Q>(static_cast<std::int32_t>(__builtin_rintf(v) + zero));
}

template <class Q>
inline __attribute__((always_inline)) void quantize_run(const float* __restrict src, Q* __restrict dst, std::int64_t count,
                                                        float scale, float zero) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = to_8<Q>(src[i] / scale, zero);
}

template <class Q, int kChannels>
void quantize_pixels_of(const float* src, Q* dst, std::int64_t pixels, std::int64_t channel_step, float scale, float zero) {
  constexpr std::int64_t kRun = 64;
  Q run[kChannels][kRun];
  for (; pixels >= kRun; pixels -= kRun, src += kRun, dst += kRun * kChannels) {
    for (int c = 0; c < kChannels; ++c) quantize_run(src + c * channel_step, run[c], kRun, scale, zero);
    for (std::int64_t i = 0; i < kRun; ++i)
      for (int c = 0; c < kChannels; ++c) dst[i * kChannels + c] = run[c][i];
  }
  for (int c = 0; c < kChannels; ++c) quantize_run(src + c * channel_step, run[c], pixels, scale, zero);
  for (std::int64_t i = 0; i < pixels; ++i)
    for (int c = 0; c < kChannels; ++c) dst[i * kChannels + c] = run[c][i];
}

template <class Q>
void quantize_pixels_as(const float* src, Q* dst, std::int64_t pixels, std::int64_t channels, std::int64_t channel_step,
                        float scale, float zero) {
  if (channels == 2) return quantize_pixels_of<Q, 2>(src, dst, pixels, channel_step, scale, zero);
  if (channels == 3) return quantize_pixels_of<Q, 3>(src, dst, pixels, channel_step, scale, zero);
  quantize_pixels_of<Q, 4>(src, dst, pixels, channel_step, scale, zero);
}

template <class Q>
void product_rows(const float* __restrict src, Q* __restrict dst, std::int64_t rows, std::int64_t columns,
                  const float* __restrict factor, float scale, float zero) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < columns; ++i)
      dst[r * columns + i] = to_8<Q>(src[r * columns + i] * factor[i] / scale, zero);
}

template <class Q>
void product_run(const float* __restrict src, Q* __restrict dst, std::int64_t count, float factor, float scale, float zero) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = to_8<Q>(src[i] * factor / scale, zero);
}

template <class Q>
void dequantize_run(const Q* __restrict src, float* __restrict dst, std::int64_t count, float scale, std::int32_t zero) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = scale * static_cast<float>(static_cast<std::int32_t>(src[i]) - zero);
}

template <class A, class B, class Q, bool kProduct>
void combine_run(const A* __restrict a, float scale_a, std::int32_t zero_a, const B* __restrict b, float scale_b,
                 std::int32_t zero_b, Q* __restrict dst, float scale, float zero, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = scale_a * static_cast<float>(static_cast<std::int32_t>(a[i]) - zero_a);
    const float y = scale_b * static_cast<float>(static_cast<std::int32_t>(b[i]) - zero_b);
    dst[i] = to_8<Q>((kProduct ? x * y : x + y) / scale, zero);
  }
}

}  // namespace

void quantize_u8(const float* src, std::uint8_t* dst, std::int64_t count, float scale, float zero) noexcept {
  quantize_run(src, dst, count, scale, zero);
}
void quantize_s8(const float* src, std::int8_t* dst, std::int64_t count, float scale, float zero) noexcept {
  quantize_run(src, dst, count, scale, zero);
}
void dequantize_u8(const std::uint8_t* src, float* dst, std::int64_t count, float scale, std::int32_t zero) noexcept {
  dequantize_run(src, dst, count, scale, zero);
}
void dequantize_s8(const std::int8_t* src, float* dst, std::int64_t count, float scale, std::int32_t zero) noexcept {
  dequantize_run(src, dst, count, scale, zero);
}
void quantize_pixels(const float* src, std::byte* dst, std::int64_t pixels, std::int64_t channels, std::int64_t channel_step,
                     float scale, float zero, bool is_signed) noexcept {
  if (is_signed)
    quantize_pixels_as(src, reinterpret_cast<std::int8_t*>(dst), pixels, channels, channel_step, scale, zero);
  else
    quantize_pixels_as(src, reinterpret_cast<std::uint8_t*>(dst), pixels, channels, channel_step, scale, zero);
}
void range_of(const float* __restrict src, std::int64_t count, float* low, float* high) noexcept {
  constexpr std::int64_t kLanes = 32;
  float lo[kLanes] = {}, hi[kLanes] = {};
  const std::int64_t whole = count / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) {
      lo[j] = src[i + j] < lo[j] ? src[i + j] : lo[j];
      hi[j] = src[i + j] > hi[j] ? src[i + j] : hi[j];
    }
  for (std::int64_t i = whole; i < count; ++i) {
    lo[0] = src[i] < lo[0] ? src[i] : lo[0];
    hi[0] = src[i] > hi[0] ? src[i] : hi[0];
  }
  for (std::int64_t j = 0; j < kLanes; ++j) {
    *low = lo[j] < *low ? lo[j] : *low;
    *high = hi[j] > *high ? hi[j] : *high;
  }
}
void quantize_columns(const float* src, std::byte* dst, std::int64_t columns, const float* scale, const std::int32_t* zero,
                      bool is_signed) noexcept {
  if (is_signed) {
    auto* q = reinterpret_cast<std::int8_t*>(dst);
    for (std::int64_t i = 0; i < columns; ++i) q[i] = to_8<std::int8_t>(src[i] / scale[i], static_cast<float>(zero[i]));
  } else {
    auto* q = reinterpret_cast<std::uint8_t*>(dst);
    for (std::int64_t i = 0; i < columns; ++i) q[i] = to_8<std::uint8_t>(src[i] / scale[i], static_cast<float>(zero[i]));
  }
}
void quantize_product_rows(const float* src, std::byte* dst, std::int64_t rows, std::int64_t columns, const float* factor,
                           float scale, float zero, bool is_signed) noexcept {
  if (is_signed)
    product_rows(src, reinterpret_cast<std::int8_t*>(dst), rows, columns, factor, scale, zero);
  else
    product_rows(src, reinterpret_cast<std::uint8_t*>(dst), rows, columns, factor, scale, zero);
}
void quantize_product(const float* src, std::byte* dst, std::int64_t count, float factor, float scale, float zero,
                      bool is_signed) noexcept {
  if (is_signed)
    product_run(src, reinterpret_cast<std::int8_t*>(dst), count, factor, scale, zero);
  else
    product_run(src, reinterpret_cast<std::uint8_t*>(dst), count, factor, scale, zero);
}
void combine(const std::byte* a, bool signed_a, float scale_a, std::int32_t zero_a, const std::byte* b, bool signed_b,
             float scale_b, std::int32_t zero_b, std::byte* dst, bool signed_dst, float scale, std::int32_t zero,
             std::int64_t count, bool product) noexcept {
  const auto run = [&]<class A, class B, class Q>(A, B, Q) {
    const auto* pa = reinterpret_cast<const A*>(a);
    const auto* pb = reinterpret_cast<const B*>(b);
    auto* pd = reinterpret_cast<Q*>(dst);
    const auto z = static_cast<float>(zero);
    if (product)
      combine_run<A, B, Q, true>(pa, scale_a, zero_a, pb, scale_b, zero_b, pd, scale, z, count);
    else
      combine_run<A, B, Q, false>(pa, scale_a, zero_a, pb, scale_b, zero_b, pd, scale, z, count);
  };
  using U = std::uint8_t;
  using S = std::int8_t;
  const int which = (signed_a ? 4 : 0) + (signed_b ? 2 : 0) + (signed_dst ? 1 : 0);
  switch (which) {
    case 0:
      return run(U{}, U{}, U{});
    case 1:
      return run(U{}, U{}, S{});
    case 2:
      return run(U{}, S{}, U{});
    case 3:
      return run(U{}, S{}, S{});
    case 4:
      return run(S{}, U{}, U{});
    case 5:
      return run(S{}, U{}, S{});
    case 6:
      return run(S{}, S{}, U{});
    default:
      return run(S{}, S{}, S{});
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
