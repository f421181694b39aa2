#include "kernels/move/move.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "core/base/parallel.h"

namespace inc::kernels {
namespace {

using std::int64_t;
constexpr int64_t kGrain = 1 << 14;
constexpr int kMostDims = 16;

struct Walk {
  int rank = 0;
  std::array<int64_t, kMostDims> dims{}, src{}, dst{};
};

Walk collapsed(std::span<const int64_t> dims, std::span<const int64_t> src, std::span<const int64_t> dst) noexcept {
  std::array<std::size_t, kMostDims> order{};
  for (std::size_t i = 0; i < dims.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(dims.size()),
                   [&](std::size_t a, std::size_t b) { return std::abs(dst[a]) > std::abs(dst[b]); });
  Walk w;
  for (std::size_t place = 0; place < dims.size(); ++place) {
    const std::size_t i = order[place];
    if (dims[i] == 1) continue;
    const auto last = static_cast<std::size_t>(w.rank - 1);
    if (w.rank > 0 && w.src[last] == src[i] * dims[i] && w.dst[last] == dst[i] * dims[i]) {
      w.dims[last] *= dims[i];
      w.src[last] = src[i];
      w.dst[last] = dst[i];
      continue;
    }
    const auto at = static_cast<std::size_t>(w.rank++);
    w.dims[at] = dims[i];
    w.src[at] = src[i];
    w.dst[at] = dst[i];
  }
  if (w.rank == 0) w.rank = 1, w.dims[0] = 1, w.src[0] = 1, w.dst[0] = 1;
  return w;
}

template <class T>
void copy_row(const T* src, int64_t src_stride, T* dst, int64_t dst_stride, int64_t count) noexcept {
  if (src_stride == 1 && dst_stride == 1) {
    std::memcpy(dst, src, static_cast<std::size_t>(count) * sizeof(T));
  } else if (dst_stride == 1) {
    for (int64_t i = 0; i < count; ++i) dst[i] = src[i * src_stride];
  } else {
    for (int64_t i = 0; i < count; ++i) dst[i * dst_stride] = src[i * src_stride];
  }
}

/// The two innermost axes in square tiles, so that neither side jumps through memory.
template <class T>
void copy_plane(const T* src, int64_t s0, int64_t s1, T* dst, int64_t d0, int64_t d1, int64_t rows,
                int64_t columns) noexcept {
  if (d1 == 1 && s1 == 1) {
    for (int64_t r = 0; r < rows; ++r) copy_row(src + r * s0, s1, dst + r * d0, d1, columns);
    return;
  }
  constexpr int64_t kTile = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      const int64_t r1 = std::min(rows, r0 + kTile), width = std::min(columns - c0, kTile);
      for (int64_t r = r0; r < r1; ++r) copy_row(src + r * s0 + c0 * s1, s1, dst + r * d0 + c0 * d1, d1, width);
    }
}

template <class T>
void copy_all(const std::byte* from, std::byte* to, const Walk& w) noexcept {
  const T* src = reinterpret_cast<const T*>(from);
  T* dst = reinterpret_cast<T*>(to);
  const auto last = static_cast<std::size_t>(w.rank - 1);
  if (w.rank == 1) {
    parallel_for(w.dims[0], kGrain, [&](int64_t begin, int64_t end) {
      copy_row(src + begin * w.src[0], w.src[0], dst + begin * w.dst[0], w.dst[0], end - begin);
    });
    return;
  }
  const std::size_t row = last - 1;
  int64_t outer = 1;
  for (std::size_t i = 0; i < row; ++i) outer *= w.dims[i];
  const int64_t bands = outer == 1 ? std::min<int64_t>(w.dims[row], 64) : 1;
  const int64_t plane = w.dims[row] * w.dims[last];
  parallel_for(outer * bands, std::max<int64_t>(1, kGrain * bands / std::max<int64_t>(1, plane)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   int64_t s = 0, d = 0, rest = i / bands;
                   for (std::size_t axis = row; axis-- > 0; rest /= w.dims[axis]) {
                     s += rest % w.dims[axis] * w.src[axis];
                     d += rest % w.dims[axis] * w.dst[axis];
                   }
                   const int64_t first = w.dims[row] * (i % bands) / bands, past = w.dims[row] * (i % bands + 1) / bands;
                   copy_plane(src + s + first * w.src[row], w.src[row], w.src[last], dst + d + first * w.dst[row],
                              w.dst[row], w.dst[last], past - first, w.dims[last]);
                 }
               });
}

}  // namespace

void copy_strided(const std::byte* src, std::span<const int64_t> src_strides, std::byte* dst,
                  std::span<const int64_t> dst_strides, std::span<const int64_t> dims, std::size_t size) noexcept {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return;
  const Walk walk = collapsed(dims, src_strides, dst_strides);
  switch (size) {
    case 1:
      return copy_all<std::uint8_t>(src, dst, walk);
    case 2:
      return copy_all<std::uint16_t>(src, dst, walk);
    case 4:
      return copy_all<std::uint32_t>(src, dst, walk);
    default:
      return copy_all<std::uint64_t>(src, dst, walk);
  }
}

void gather_blocks(const std::byte* src, std::byte* dst, const int64_t* index, int64_t outer, int64_t count, int64_t rows,
                   std::size_t bytes) noexcept {
  const int64_t grain = std::max<int64_t>(1, kGrain / static_cast<int64_t>(std::max<std::size_t>(1, bytes)));
  parallel_for(outer * count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / count * rows + index[i % count];
      std::memcpy(dst + static_cast<std::size_t>(i) * bytes, src + static_cast<std::size_t>(row) * bytes, bytes);
    }
  });
}

void fill(std::byte* dst, int64_t count, const std::byte* value, std::size_t size) noexcept {
  const auto run = [&]<class T>(T element) {
    std::memcpy(&element, value, sizeof element);
    T* to = reinterpret_cast<T*>(dst);
    parallel_for(count, kGrain, [&](int64_t begin, int64_t end) { std::fill(to + begin, to + end, element); });
  };
  switch (size) {
    case 1:
      return run(std::uint8_t{});
    case 2:
      return run(std::uint16_t{});
    case 4:
      return run(std::uint32_t{});
    default:
      return run(std::uint64_t{});
  }
}

}  // namespace inc::kernels
