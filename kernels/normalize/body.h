// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
constexpr I64 kLanes = 16;

template <class F>
inline __attribute__((always_inline)) float sum_of(I64 count, F f) {
  float lane[kLanes] = {};
  I64 i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (I64 l = 0; l < kLanes; ++l) lane[l] += f(i + l);
  for (I64 l = 0; i < count; ++i, ++l) lane[l] += f(i);
  for (I64 width = kLanes / 2; width > 0; width /= 2)
    for (I64 l = 0; l < width; ++l) lane[l] += lane[l + width];
  return lane[0];
}

}  // namespace

void layer_norm_row(const float* src, float* dst, I64 columns, const float* scale, const float* shift,
                    float epsilon) noexcept {
  const auto n = static_cast<float>(columns);
  const float mean = sum_of(columns, [=](I64 i) { return src[i]; }) / n;
  const float variance = sum_of(columns, [=](I64 i) { return (src[i] - mean) * (src[i] - mean); }) / n;
  const float factor = 1.0f / __builtin_sqrtf(variance + epsilon);
  if (shift != nullptr)
    for (I64 i = 0; i < columns; ++i) dst[i] = (src[i] - mean) * factor * scale[i] + shift[i];
  else
    for (I64 i = 0; i < columns; ++i) dst[i] = (src[i] - mean) * factor * scale[i];
}

void rms_norm_row(const float* src, float* dst, I64 columns, const float* scale, float epsilon) noexcept {
  const float square = sum_of(columns, [=](I64 i) { return src[i] * src[i]; }) / static_cast<float>(columns);
  const float factor = 1.0f / __builtin_sqrtf(square + epsilon);
  for (I64 i = 0; i < columns; ++i) dst[i] = src[i] * factor * scale[i];
}

}  // namespace inc::kernels::INC_KERNEL_ISA
