// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/exp.h"
#include "kernels/normalize/normalize.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

/// f(vector at i) summed over [0, count); what is behind the last number counts as `beyond`.
template <class F>
INC_INLINE float sum_of(const float* src, I64 count, float beyond, F f) {
  V sum[4] = {};
  I64 i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes)
    for (int k = 0; k < 4; ++k) sum[k] += f(load(src + i + k * kLanes));
  for (; i + kLanes <= count; i += kLanes) sum[0] += f(load(src + i));
  if (i < count) {
    float rest[kLanes];
    for (I64 k = 0; k < kLanes; ++k) rest[k] = i + k < count ? src[i + k] : beyond;
    sum[1] += f(load(rest));
  }
  return sum_across((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace

void layer_norm_row(const float* src, float* dst, I64 columns, const float* scale, const float* shift,
                    float epsilon) noexcept {
  const auto n = static_cast<float>(columns);
  const float mean = sum_of(src, columns, 0.0f, [](V x) { return x; }) / n;
  const V centre = splat(mean);
  const float squares = sum_of(src, columns, mean, [=](V x) { return (x - centre) * (x - centre); });
  const float factor = 1.0f / __builtin_sqrtf(squares / n + epsilon);
  const V wide = splat(factor);
  I64 i = 0;
  if (shift != nullptr)
    for (; i + kLanes <= columns; i += kLanes)
      store(dst + i, (load(src + i) - centre) * wide * load(scale + i) + load(shift + i));
  else
    for (; i + kLanes <= columns; i += kLanes) store(dst + i, (load(src + i) - centre) * wide * load(scale + i));
  for (; i < columns; ++i) dst[i] = (src[i] - mean) * factor * scale[i] + (shift != nullptr ? shift[i] : 0.0f);
}

void rms_norm_row(const float* src, float* dst, I64 columns, const float* scale, float epsilon) noexcept {
  const float square = sum_of(src, columns, 0.0f, [](V x) { return x * x; }) / static_cast<float>(columns);
  const float factor = 1.0f / __builtin_sqrtf(square + epsilon);
  const V wide = splat(factor);
  I64 i = 0;
  for (; i + kLanes <= columns; i += kLanes) store(dst + i, load(src + i) * wide * load(scale + i));
  for (; i < columns; ++i) dst[i] = src[i] * factor * scale[i];
}

void softmax_columns(const float* src, float* dst, I64 length, I64 stride, I64 columns) noexcept {
  float most[kSoftmaxColumns], sum[kSoftmaxColumns];
  for (I64 c = 0; c < columns; ++c) most[c] = src[c];
  for (I64 i = 1; i < length; ++i)
    for (I64 c = 0; c < columns; ++c) most[c] = src[i * stride + c] > most[c] ? src[i * stride + c] : most[c];
  for (I64 c = 0; c < columns; ++c) sum[c] = 0;
  for (I64 i = 0; i < length; ++i)
    for (I64 c = 0; c < columns; ++c) sum[c] += dst[i * stride + c] = exp_of(src[i * stride + c] - most[c]);
  for (I64 c = 0; c < columns; ++c) sum[c] = 1.0f / sum[c];
  for (I64 i = 0; i < length; ++i)
    for (I64 c = 0; c < columns; ++c) dst[i * stride + c] *= sum[c];
}

}  // namespace inc::kernels::INC_KERNEL_ISA
