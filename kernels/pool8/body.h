// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include "kernels/pool8/variant.h"

#define INC_INLINE inline __attribute__((always_inline))

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;
using I32 = std::int32_t;
using U8 = std::uint8_t;
using S8 = std::int8_t;

#if defined(__AVX512BW__)
constexpr I64 kLanes = 64;
#elif defined(__AVX2__)
constexpr I64 kLanes = 32;
#else
constexpr I64 kLanes = 16;
#endif

template <class Q, I64 lanes>
struct Bytes {
  typedef Q V __attribute__((vector_size(lanes)));
};

template <class V>
INC_INLINE V load(const std::byte* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V>
INC_INLINE void store(std::byte* p, const V& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// The part of a window inside the image.
struct Part {
  const std::byte* first;
  I64 rows, columns;          ///< pixels
  I64 row_step, column_step;  ///< bytes
};

struct Span {
  I64 begin, end;  ///< taps
};
INC_INLINE Span inside(I64 start, I64 taps, I64 dilation, I64 size) {
  Span span{start < 0 ? (-start + dilation - 1) / dilation : 0, taps};
  const I64 most = start < size ? (size - 1 - start) / dilation + 1 : 0;
  span.end = span.end < most ? span.end : most;
  return span;
}

INC_INLINE Part part_of(const PoolShape& s, const std::byte* image, Span y, I64 start_y, I64 ox) {
  const I64 start = ox * s.stride_w - s.left;
  const Span x = inside(start, s.kernel_w, s.dilation_w, s.width);
  const I64 row = start_y + y.begin * s.dilation_h, column = start + x.begin * s.dilation_w;
  return {image + (row * s.width + column) * s.channels, y.end - y.begin, x.end - x.begin,
          s.dilation_h * s.width * s.channels, s.dilation_w * s.channels};
}

template <class V>
INC_INLINE V max_at(const Part& part, I64 channel) {
  const std::byte* row = part.first + channel;
  V most = load<V>(row);
  for (I64 y = 0; y < part.rows; ++y, row += part.row_step) {
    const std::byte* p = row;
    for (I64 x = 0; x < part.columns; ++x, p += part.column_step) {
      const V v = load<V>(p);
      most = v > most ? v : most;
    }
  }
  return most;
}

/// Channels from c in blocks of `lanes`, the last of which may overlap what is done; those that are left.
template <class Q, I64 lanes>
INC_INLINE I64 max_blocks(const Part& part, I64 channels, I64 c, std::byte* out) {
  using V = typename Bytes<Q, lanes>::V;
  for (; c + lanes <= channels; c += lanes) store(out + c, max_at<V>(part, c));
  if (c == channels || channels < lanes) return c;
  store(out + channels - lanes, max_at<V>(part, channels - lanes));
  return channels;
}

template <class Q>
void max_row(const PoolShape& s, const std::byte* src, std::byte* dst, I64 row) {
  const I64 image = row / s.out_height, start = row % s.out_height * s.stride_h - s.top, channels = s.channels;
  const Span y = inside(start, s.kernel_h, s.dilation_h, s.height);
  std::byte* out = dst + row * s.out_width * channels;
  for (I64 ox = 0; ox < s.out_width; ++ox, out += channels) {
    const Part part = part_of(s, src + image * s.height * s.width * channels, y, start, ox);
    I64 c = 0;
    if (channels >= kLanes) {
      max_blocks<Q, kLanes>(part, channels, c, out);
      continue;
    }
    if constexpr (kLanes > 32) c = max_blocks<Q, 32>(part, channels, c, out);
    if constexpr (kLanes > 16) c = max_blocks<Q, 16>(part, channels, c, out);
    c = max_blocks<Q, 8>(part, channels, c, out);
    for (; c < channels; ++c) store(out + c, max_at<Q>(part, c));
  }
}

constexpr I64 kChunk = 64;

template <class Q>
INC_INLINE void to_8(const I32* sums, I64 count, double factor, I32 zero, std::byte* dst) {
  constexpr I32 low = static_cast<Q>(-1) < 0 ? -128 : 0, high = low + 255;
  const double lo = low - zero, hi = high - zero;
  Q* to = reinterpret_cast<Q*>(dst);
  for (I64 i = 0; i < count; ++i) {
    double v = sums[i] * factor;
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    to[i] = static_cast<Q>(static_cast<I32>(__builtin_rint(v)) + zero);
  }
}
INC_INLINE void to_8(const I32* sums, I64 count, const PoolAverage& as, I64 pixels, std::byte* dst) {
  const double factor = as.factor / static_cast<double>(pixels);
  if (as.signed_out)
    to_8<S8>(sums, count, factor, as.zero_out, dst);
  else
    to_8<U8>(sums, count, factor, as.zero_out, dst);
}

template <class Q>
INC_INLINE void add_run(const std::byte* p, I64 count, I32* sums) {
  const Q* from = reinterpret_cast<const Q*>(p);
  for (I64 i = 0; i < count; ++i) sums[i] += from[i];
}

/// Sums of `count` channels over a part of a window.
template <class Q>
INC_INLINE void add_part(const Part& part, I64 channel, I64 count, I32* sums) {
  const std::byte* row = part.first + channel;
  for (I64 y = 0; y < part.rows; ++y, row += part.row_step) {
    const std::byte* p = row;
    for (I64 x = 0; x < part.columns; ++x, p += part.column_step) add_run<Q>(p, count, sums);
  }
}

template <class Q>
INC_INLINE void average_part(const Part& part, I64 channels, const PoolAverage& as, I64 pixels, std::byte* dst) {
  const I32 zero = static_cast<I32>(-as.zero_in * part.rows * part.columns);
  for (I64 c = 0; c < channels; c += kChunk) {
    I32 sums[kChunk];
    for (I32& sum : sums) sum = zero;
    const I64 count = channels - c < kChunk ? channels - c : kChunk;
    if (count == kChunk)
      add_part<Q>(part, c, kChunk, sums);
    else
      add_part<Q>(part, c, count, sums);
    to_8(sums, count, as, pixels, dst + c);
  }
}

template <class Q>
void average_row(const PoolShape& s, const std::byte* src, std::byte* dst, I64 row, const PoolAverage& as) {
  const I64 image = row / s.out_height, start = row % s.out_height * s.stride_h - s.top;
  const Span y = inside(start, s.kernel_h, s.dilation_h, s.height);
  for (I64 ox = 0; ox < s.out_width; ++ox) {
    const Part part = part_of(s, src + image * s.height * s.width * s.channels, y, start, ox);
    const I64 pixels = as.whole ? s.kernel_h * s.kernel_w : part.rows * part.columns;
    average_part<Q>(part, s.channels, as, pixels, dst + (row * s.out_width + ox) * s.channels);
  }
}

template <class Q>
INC_INLINE I32 sum_run(const std::byte* p, I64 count) {
  const Q* from = reinterpret_cast<const Q*>(p);
  I32 sum = 0;
  for (I64 i = 0; i < count; ++i) sum += from[i];
  return sum;
}

}  // namespace

void pool_max_row(const PoolShape& s, const std::byte* src, std::byte* dst, I64 row, bool is_signed) noexcept {
  if (is_signed)
    max_row<S8>(s, src, dst, row);
  else
    max_row<U8>(s, src, dst, row);
}

void pool_average_row(const PoolShape& s, const std::byte* src, std::byte* dst, I64 row, const PoolAverage& as) noexcept {
  if (as.signed_in)
    average_row<S8>(s, src, dst, row, as);
  else
    average_row<U8>(s, src, dst, row, as);
}

void mean_columns(INC_MEAN_COLUMNS) noexcept {
  const Part part{src, window, 1, step, 0};
  if (as.signed_in)
    average_part<S8>(part, count, as, window, dst);
  else
    average_part<U8>(part, count, as, window, dst);
}

void mean_runs(const std::byte* src, I64 window, std::byte* dst, I64 count, const PoolAverage& as) noexcept {
  for (I64 i = 0; i < count; ++i) {
    const std::byte* from = src + i * window;
    const I32 sum = as.signed_in ? sum_run<S8>(from, window) : sum_run<U8>(from, window);
    const I32 centered = sum - static_cast<I32>(window) * as.zero_in;
    to_8(&centered, 1, as, window, dst + i);
  }
}

}  // namespace inc::kernels::INC_KERNEL_ISA
