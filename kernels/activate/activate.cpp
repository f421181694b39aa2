#include "kernels/activate/activate.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/bfloat16/bfloat16.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void activate_row(Smooth how, const float* src, float* dst, int64_t count) noexcept)

namespace {

constexpr int64_t kGrain = 1 << 14, kPiece = 1024;

void activate_row(Smooth how, const float* src, float* dst, int64_t count) noexcept {
  INC_KERNEL_CALL(activate_row, how, src, dst, count);
}

/// put(numbers, first, count) for pieces that stay in the first cache.
template <class Put>
void by_pieces(Smooth how, const float* src, int64_t count, const Put& put) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    alignas(64) float piece[kPiece];
    for (int64_t i = begin; i < end; i += kPiece) {
      const int64_t many = std::min(kPiece, end - i);
      activate_row(how, src + i, piece, many);
      put(piece, i, many);
    }
  });
}

}  // namespace

void activate(Smooth how, const float* src, float* dst, int64_t count) noexcept {
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { activate_row(how, src + begin, dst + begin, end - begin); });
}

void activate(Smooth how, const float* src, BFloat16* dst, int64_t count) noexcept {
  by_pieces(how, src, count, [&](const float* from, int64_t first, int64_t many) { narrow_row(from, dst + first, many); });
}

void activate(Smooth how, const float* src, std::byte* dst, int64_t count, const Affine8& as) noexcept {
  by_pieces(how, src, count,
            [&](const float* from, int64_t first, int64_t many) { quantize_row(from, dst + first, many, as); });
}

}  // namespace inc::kernels
