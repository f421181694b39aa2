#include "kernels/normalize/normalize.h"

#include <algorithm>
#include <vector>

#include "core/base/parallel.h"
#include "kernels/bfloat16/bfloat16.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void layer_norm_row(const float* src, float* dst, int64_t columns, const float* scale, const float* shift,
                                       float epsilon) noexcept)
INC_KERNEL_DECLARE(void rms_norm_row(const float* src, float* dst, int64_t columns, const float* scale,
                                     float epsilon) noexcept)
INC_KERNEL_DECLARE(void softmax_columns(const float* src, float* dst, int64_t length, int64_t stride,
                                        int64_t columns) noexcept)

namespace {
constexpr int64_t kGrain = 1 << 13;

/// normalize(row as FP32) in place, row by row.
template <class Normalize>
void each_row(const BFloat16* src, BFloat16* dst, int64_t rows, int64_t columns, Normalize normalize) noexcept {
  parallel_for(rows, kGrain / std::max<int64_t>(1, columns) + 1, [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<std::size_t>(columns));
    for (int64_t r = begin; r < end; ++r) {
      widen_row(src + r * columns, row.data(), columns);
      normalize(row.data());
      narrow_row(row.data(), dst + r * columns, columns);
    }
  });
}

}  // namespace

void layer_norm(const float* src, float* dst, int64_t rows, int64_t columns, const float* scale, const float* shift,
                float epsilon) noexcept {
  parallel_for(rows, kGrain / std::max<int64_t>(1, columns) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      INC_KERNEL_CALL(layer_norm_row, src + r * columns, dst + r * columns, columns, scale, shift, epsilon);
  });
}

void rms_norm(const float* src, float* dst, int64_t rows, int64_t columns, const float* scale, float epsilon) noexcept {
  parallel_for(rows, kGrain / std::max<int64_t>(1, columns) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      INC_KERNEL_CALL(rms_norm_row, src + r * columns, dst + r * columns, columns, scale, epsilon);
  });
}

void layer_norm(const BFloat16* src, BFloat16* dst, int64_t rows, int64_t columns, const float* scale, const float* shift,
                float epsilon) noexcept {
  each_row(src, dst, rows, columns,
           [=](float* row) { INC_KERNEL_CALL(layer_norm_row, row, row, columns, scale, shift, epsilon); });
}

void rms_norm(const BFloat16* src, BFloat16* dst, int64_t rows, int64_t columns, const float* scale,
              float epsilon) noexcept {
  each_row(src, dst, rows, columns, [=](float* row) { INC_KERNEL_CALL(rms_norm_row, row, row, columns, scale, epsilon); });
}

void softmax_across(const float* src, float* dst, int64_t outer, int64_t length, int64_t inner) noexcept {
  const int64_t blocks = (inner + kSoftmaxColumns - 1) / kSoftmaxColumns;
  const int64_t grain = kGrain / std::max<int64_t>(1, length * std::min(inner, kSoftmaxColumns)) + 1;
  parallel_for(outer * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * kSoftmaxColumns, at = i / blocks * length * inner + first;
      INC_KERNEL_CALL(softmax_columns, src + at, dst + at, length, inner, std::min(kSoftmaxColumns, inner - first));
    }
  });
}

}  // namespace inc::kernels
