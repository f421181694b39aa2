#include "kernels/activate/activate.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "kernels/bfloat16/bfloat16.h"
#include "kernels/quantize/columns.h"
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

void activate(Smooth how, const float* src, std::byte* dst, int64_t rows, int64_t channels, const ChannelLines& lines,
              const Affine8& as) noexcept {
  over_columns(rows, channels, lines, [&](int64_t at, int64_t count, int64_t columns, const ChannelLines& l) {
    alignas(64) float piece[kPiece];
    for (int64_t row = 0; row < count; ++row)
      for (int64_t c = 0; c < columns; c += kPiece) {
        const int64_t many = std::min(kPiece, columns - c), place = at + row * columns + c;
        activate_row(how, src + place, piece, many);
        quantize_line_rows(piece, dst + place, 1, many, {l.factor + c, l.shift + c, l.low}, as);
      }
  });
}

}  // namespace inc::kernels
