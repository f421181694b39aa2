#pragma once
// vpmaddubsw and what follows it, in scalars: how u8×s8 products are summed on a CPU without VNNI.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

namespace inc::ops {

/// One lane: a0·b0 + a1·b1, saturated to int16.
constexpr std::int16_t pair_sum(std::uint8_t a0, std::int8_t b0, std::uint8_t a1, std::int8_t b1) noexcept {
  return static_cast<std::int16_t>(std::clamp<int>(a0 * b0 + a1 * b1, std::numeric_limits<std::int16_t>::min(),
                                                   std::numeric_limits<std::int16_t>::max()));
}

/// What saturation takes from, or adds to, that sum: 0 where it fits.
constexpr int pair_loss(int sum) noexcept {
  return std::clamp<int>(sum, std::numeric_limits<std::int16_t>::min(), std::numeric_limits<std::int16_t>::max()) - sum;
}

/// The sum of a[i]·b[i] as kernels of oneDNN and onnxruntime form it: pairs by vpmaddubsw from position 0 on, widened by
/// vpmaddwd with ones, added by vpaddd, which wraps. An odd last element is paired with zero. Lengths are equal.
constexpr std::int32_t saturating_dot(std::span<const std::uint8_t> a, std::span<const std::int8_t> b) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < a.size(); i += 2) {
    const bool both = i + 1 < a.size();
    const std::int32_t pair = pair_sum(a[i], b[i], both ? a[i + 1] : std::uint8_t{0}, both ? b[i + 1] : std::int8_t{0});
    sum += static_cast<std::uint32_t>(pair);
  }
  return static_cast<std::int32_t>(sum);
}

}  // namespace inc::ops
