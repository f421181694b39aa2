#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <cmath>

#include "core/base/parallel.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;

#define INC_DECLARE_REDUCE(name)                                                              \
  INC_KERNEL_DECLARE(void along_##name(const float* src, int64_t count, float* dst) noexcept) \
  INC_KERNEL_DECLARE(                                                                         \
      void across_##name(const float* src, float* dst, int64_t count, int64_t stride, int64_t columns) noexcept)
INC_DECLARE_REDUCE(sum)
INC_DECLARE_REDUCE(square)
INC_DECLARE_REDUCE(magnitude)
INC_DECLARE_REDUCE(max)
INC_DECLARE_REDUCE(min)

namespace {

constexpr int64_t kGrain = 1 << 14;
constexpr int64_t kColumns = 256;

float along(Reduce op, const float* src, int64_t count) noexcept {
  float result = 0;
  switch (op) {
    case Reduce::Sum:
    case Reduce::Mean:
      INC_KERNEL_CALL(along_sum, src, count, &result);
      break;
    case Reduce::L1:
      INC_KERNEL_CALL(along_magnitude, src, count, &result);
      break;
    case Reduce::SumSquare:
    case Reduce::L2:
      INC_KERNEL_CALL(along_square, src, count, &result);
      break;
    case Reduce::Max:
      INC_KERNEL_CALL(along_max, src, count, &result);
      break;
    case Reduce::Min:
      INC_KERNEL_CALL(along_min, src, count, &result);
      break;
  }
  return result;
}

void across(Reduce op, const float* src, float* dst, int64_t count, int64_t stride, int64_t columns) noexcept {
  switch (op) {
    case Reduce::Sum:
    case Reduce::Mean:
      INC_KERNEL_CALL(across_sum, src, dst, count, stride, columns);
      break;
    case Reduce::L1:
      INC_KERNEL_CALL(across_magnitude, src, dst, count, stride, columns);
      break;
    case Reduce::SumSquare:
    case Reduce::L2:
      INC_KERNEL_CALL(across_square, src, dst, count, stride, columns);
      break;
    case Reduce::Max:
      INC_KERNEL_CALL(across_max, src, dst, count, stride, columns);
      break;
    case Reduce::Min:
      INC_KERNEL_CALL(across_min, src, dst, count, stride, columns);
      break;
  }
}

float finished(Reduce op, float joined, float count) noexcept {
  return op == Reduce::Mean ? joined / count : op == Reduce::L2 ? std::sqrt(joined) : joined;
}

}  // namespace

void reduce(Reduce op, const float* src, float* dst, int64_t outer, int64_t count, int64_t inner) noexcept {
  const auto n = static_cast<float>(count);
  if (inner == 1)
    return parallel_for(outer, kGrain / std::max<int64_t>(1, count) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        dst[o] = finished(op, along(op, src + o * count, count), n);
      }
    });
  const int64_t pieces = (inner + kColumns - 1) / kColumns;
  parallel_for(outer * pieces, kGrain / std::max<int64_t>(1, count * std::min(inner, kColumns)) + 1,
               [&](int64_t begin, int64_t end) {
                 for (int64_t p = begin; p < end; ++p) {
                   const int64_t o = p / pieces, column = p % pieces * kColumns, width = std::min(kColumns, inner - column);
                   float* to = dst + o * inner + column;
                   across(op, src + o * count * inner + column, to, count, inner, width);
                   if (op == Reduce::Mean || op == Reduce::L2)
                     for (int64_t c = 0; c < width; ++c) to[c] = finished(op, to[c], n);
                 }
               });
}

}  // namespace inc::kernels
