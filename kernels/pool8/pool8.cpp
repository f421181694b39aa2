#include "kernels/pool8/pool8.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/pool8/variant.h"

namespace inc::kernels {
namespace {

using I64 = std::int64_t;

constexpr I64 kGrain = 1 << 17;  // bytes read, worth a thread

PoolAverage average(const Affine8& in, const Affine8& out, bool whole) {
  return {in.zero_point,  static_cast<double>(in.scale) / static_cast<double>(out.scale),
          out.zero_point, in.is_signed,
          out.is_signed,  whole};
}

I64 rows_worth_a_thread(const PoolShape& s) {
  return kGrain / std::max<I64>(1, s.out_width * s.channels * s.kernel_h * s.kernel_w) + 1;
}

}  // namespace

void max_pool8(const std::byte* src, std::byte* dst, const PoolShape& s, bool is_signed) noexcept {
  parallel_for(s.batch * s.out_height, rows_worth_a_thread(s), [&](I64 begin, I64 end) {
    for (I64 row = begin; row < end; ++row) INC_KERNEL_CALL(pool_max_row, s, src, dst, row, is_signed);
  });
}

void average_pool8(const std::byte* src, const Affine8& as_src, std::byte* dst, const Affine8& as_dst, const PoolShape& s,
                   bool whole) noexcept {
  const PoolAverage as = average(as_src, as_dst, whole);
  parallel_for(s.batch * s.out_height, rows_worth_a_thread(s), [&](I64 begin, I64 end) {
    for (I64 row = begin; row < end; ++row) INC_KERNEL_CALL(pool_average_row, s, src, dst, row, as);
  });
}

void mean8(const std::byte* src, const Affine8& as_src, std::byte* dst, const Affine8& as_dst, I64 outer, I64 window,
           I64 inner) noexcept {
  constexpr I64 kColumns = 256;
  const PoolAverage as = average(as_src, as_dst, true);
  if (inner == 1)
    return parallel_for(outer, kGrain / std::max<I64>(1, window) + 1, [&](I64 begin, I64 end) {
      INC_KERNEL_CALL(mean_runs, src + begin * window, window, dst + begin, end - begin, as);
    });
  const I64 parts = (inner + kColumns - 1) / kColumns;
  parallel_for(outer * parts, kGrain / std::max<I64>(1, window * kColumns) + 1, [&](I64 begin, I64 end) {
    for (I64 i = begin; i < end; ++i) {
      const I64 o = i / parts, c = i % parts * kColumns, count = std::min(kColumns, inner - c);
      INC_KERNEL_CALL(mean_columns, src + o * window * inner + c, window, inner, dst + o * inner + c, count, as);
    }
  });
}

}  // namespace inc::kernels
