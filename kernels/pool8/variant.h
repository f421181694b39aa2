#pragma once
// The rows that the variants of the family compute.
#include "kernels/pool8/pool8.h"
#include "kernels/variants.h"

namespace inc::kernels {

/// Of averages: what turns sums into 8 bits.
struct PoolAverage {
  std::int32_t zero_in = 0;
  double factor = 1;  ///< scale_in / scale_out
  std::int32_t zero_out = 0;
  bool signed_in = false, signed_out = false, whole = false;
};

#define INC_MEAN_COLUMNS \
  const std::byte *src, std::int64_t window, std::int64_t step, std::byte *dst, std::int64_t count, const PoolAverage &as
INC_KERNEL_DECLARE(void pool_max_row(const PoolShape& s, const std::byte* src, std::byte* dst, std::int64_t row,
                                     bool is_signed) noexcept)
INC_KERNEL_DECLARE(void pool_average_row(const PoolShape& s, const std::byte* src, std::byte* dst, std::int64_t row,
                                         const PoolAverage& as) noexcept)
/// Means of `count` columns of `window` rows that are `step` apart.
INC_KERNEL_DECLARE(void mean_columns(INC_MEAN_COLUMNS) noexcept)
/// Means of `count` runs of `window` numbers.
INC_KERNEL_DECLARE(void mean_runs(const std::byte* src, std::int64_t window, std::byte* dst, std::int64_t count,
                                  const PoolAverage& as) noexcept)

}  // namespace inc::kernels
