#include "kernels/resample/resample.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void weigh_slice(const float* src, float* dst, int64_t inner, int64_t taps, const int64_t* index,
                                    const float* weight) noexcept)

void weigh_slices(const float* src, float* dst, int64_t outer, int64_t length, int64_t inner, std::span<const int64_t> first,
                  const int64_t* index, const float* weight) noexcept {
  constexpr int64_t kGrain = 1 << 13;
  const auto outputs = static_cast<int64_t>(first.size()) - 1;
  parallel_for(outer * outputs, kGrain / std::max<int64_t>(1, inner) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* image = src + i / outputs * length * inner;
      const int64_t from = first[static_cast<std::size_t>(i % outputs)];
      const int64_t taps = first[static_cast<std::size_t>(i % outputs + 1)] - from;
      if (inner == 1) {
        float sum = 0;
        for (int64_t t = 0; t < taps; ++t) sum += image[index[from + t]] * weight[from + t];
        dst[i] = sum;
      } else {
        INC_KERNEL_CALL(weigh_slice, image, dst + i * inner, inner, taps, index + from, weight + from);
      }
    }
  });
}

}  // namespace inc::kernels
