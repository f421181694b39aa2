// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
using U32 = std::uint32_t;

/// The FP32 bits of the nearest BF16 number, lower half undefined.
inline __attribute__((always_inline)) U32 rounded(float value) {
  const U32 bits = __builtin_bit_cast(U32, value);
  const U32 nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  return (bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : nearest;
}

}  // namespace

void narrow(const float* src, std::uint16_t* dst, I64 count) noexcept {
#pragma GCC ivdep
  for (I64 i = 0; i < count; ++i) dst[i] = static_cast<std::uint16_t>(rounded(src[i]) >> 16);
}

void widen(const std::uint16_t* src, float* dst, I64 count) noexcept {
#pragma GCC ivdep
  for (I64 i = 0; i < count; ++i) dst[i] = __builtin_bit_cast(float, static_cast<U32>(src[i]) << 16);
}

void round_in_fp32(const float* src, float* dst, I64 count) noexcept {
#pragma GCC ivdep
  for (I64 i = 0; i < count; ++i) dst[i] = __builtin_bit_cast(float, rounded(src[i]) & 0xffff0000u);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
