// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {

using I64 = std::int64_t;

void weigh_slice(const float* __restrict src, float* __restrict dst, I64 inner, I64 taps, const I64* index,
                 const float* weight) noexcept {
  if (taps == 2) {
    const float *a = src + index[0] * inner, *b = src + index[1] * inner;
    const float u = weight[0], v = weight[1];
    for (I64 i = 0; i < inner; ++i) dst[i] = a[i] * u + b[i] * v;
    return;
  }
  for (I64 i = 0; i < inner; ++i) dst[i] = 0;
  for (I64 t = 0; t < taps; ++t) {
    const float* a = src + index[t] * inner;
    const float u = weight[t];
    for (I64 i = 0; i < inner; ++i) dst[i] += a[i] * u;
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
