#pragma once
// 16-bit floating types as storage, converted by value. Rounding is to nearest, ties to even; NaN stays a quiet NaN.
#include <bit>
#include <cstdint>

namespace inc {

struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) noexcept : bits(round(value)) {}
  explicit operator float() const noexcept { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  static BFloat16 from_bits(std::uint16_t bits) noexcept {
    BFloat16 b;
    b.bits = bits;
    return b;
  }
  bool operator==(const BFloat16&) const = default;

 private:
  static std::uint16_t round(float value) noexcept {
    const auto u = std::bit_cast<std::uint32_t>(value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value) noexcept;
  explicit operator float() const noexcept;
  static Float16 from_bits(std::uint16_t bits) noexcept {
    Float16 h;
    h.bits = bits;
    return h;
  }
  bool operator==(const Float16&) const = default;
};

}  // namespace inc
