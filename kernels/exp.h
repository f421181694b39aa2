// exp for kernel bodies; included with INC_KERNEL_ISA set, like them.
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

// exp by 2^n · P(r), |r| ≤ ln2 / 2; relative error below 3e-7; flushes below -87 and saturates above 88. NaN stays NaN.
inline __attribute__((always_inline)) float exp_of(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 0.00139485812f;
  p = p * r + 0.00837512873f;
  p = p * r + 0.0416662171f;
  p = p * r + 0.166664153f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * __builtin_bit_cast(float, (__builtin_bit_cast(std::uint32_t, shifted) << 23) + 0x3f800000u);
}

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA
