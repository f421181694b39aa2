#include "kernels/move/move.h"

#include <emmintrin.h>

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
constexpr int64_t kBand = 64;  // rows that one thread copies at least, a multiple of every tile

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

/// dst[r][c] = src[c][r] for a tile of kTile × kTile elements; `src` and `dst` are the distances between their rows.
template <class T>
constexpr int64_t kTile = sizeof(T) == 4 ? 4 : 8;

void transpose_tile(const std::uint32_t* from, int64_t src, std::uint32_t* to, int64_t dst) noexcept {
  const auto row = [&](int64_t i) { return _mm_loadu_ps(reinterpret_cast<const float*>(from + i * src)); };
  __m128 a = row(0), b = row(1), c = row(2), d = row(3);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  const auto store = [&](int64_t i, __m128 v) { _mm_storeu_ps(reinterpret_cast<float*>(to + i * dst), v); };
  store(0, a), store(1, b), store(2, c), store(3, d);
}

void transpose_tile(const std::uint16_t* from, int64_t src, std::uint16_t* to, int64_t dst) noexcept {
  __m128i a[8], b[8];
  for (int i = 0; i < 8; ++i) a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * src));
  for (int i = 0; i < 4; ++i) {
    b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
    b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
  }
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
    a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
  }
  for (int i = 0; i < 4; ++i) {
    b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
    b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
  }
  for (int i = 0; i < 8; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i * dst), b[i]);
}

void transpose_tile(const std::uint8_t* from, int64_t src, std::uint8_t* to, int64_t dst) noexcept {
  const auto row = [&](int64_t i) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i * src)); };
  __m128i a[4], b[4];
  for (int i = 0; i < 4; ++i) a[i] = _mm_unpacklo_epi8(row(i), row(i + 4));
  for (int i = 0; i < 2; ++i) {
    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 2]);
    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 2]);
  }
  for (int i = 0; i < 2; ++i) {
    a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 2]);
    a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 2]);
  }
  for (int i = 0; i < 4; ++i) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 2 * i * dst), a[i]);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + (2 * i + 1) * dst), _mm_unpackhi_epi64(a[i], a[i]));
  }
}

/// Four rows of two or three columns, each with one or two numbers behind its last.
void interleave_tile(const std::uint32_t* from, int64_t src, std::uint32_t* to, int64_t columns) noexcept {
  const auto column = [&](int64_t i) { return _mm_loadu_ps(reinterpret_cast<const float*>(from + i * src)); };
  __m128 a = column(0), b = column(1), c = columns == 3 ? column(2) : b, d = c;
  _MM_TRANSPOSE4_PS(a, b, c, d);
  const auto store = [&](int64_t i, __m128 v) { _mm_storeu_ps(reinterpret_cast<float*>(to + i * columns), v); };
  store(0, a), store(1, b), store(2, c), store(3, d);
}

void interleave_tile(const std::uint16_t* from, int64_t src, std::uint16_t* to, int64_t columns) noexcept {
  const auto column = [&](int64_t i) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i * src)); };
  const __m128i b = column(1), c = columns == 3 ? column(2) : b;
  const __m128i ab = _mm_unpacklo_epi16(column(0), b), cc = _mm_unpacklo_epi16(c, c);
  const auto store = [&](int64_t i, __m128i v) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + i * columns), v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + (i + 1) * columns), _mm_unpackhi_epi64(v, v));
  };
  store(0, _mm_unpacklo_epi32(ab, cc)), store(2, _mm_unpackhi_epi32(ab, cc));
}

/// dst[r][c] = src[c][r] for two or three columns of a dense destination: a row's store is finished by the next row's.
template <class T>
void interleave(const T* from, int64_t src, T* to, int64_t rows, int64_t columns) noexcept {
  int64_t r = 0;
  for (; r + 6 <= rows; r += 4) interleave_tile(from + r, src, to + r * columns, columns);
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[r * columns + c] = from[c * src + r];
}

/// dst[r][c] = src[c][r]; `src` and `dst` are the distances between rows. In blocks whose lines stay in the first cache,
/// along the side that jumps further.
template <class T>
void transpose(const T* from, int64_t src, T* to, int64_t dst, int64_t rows, int64_t columns) noexcept {
  if constexpr (sizeof(T) == 2 || sizeof(T) == 4)
    if ((columns == 2 || columns == 3) && dst == columns) return interleave(from, src, to, rows, columns);
  constexpr int64_t kRows = 16, kColumns = 64, kStep = kTile<T>;
  for (int64_t c0 = 0; c0 < columns; c0 += kColumns)
    for (int64_t r0 = 0; r0 < rows; r0 += kRows) {
      const int64_t past_c = std::min(columns, c0 + kColumns), past_r = std::min(rows, r0 + kRows);
      const int64_t tiled_c = past_c - (past_c - c0) % kStep, tiled_r = past_r - (past_r - r0) % kStep;
      const auto tile = [&](int64_t r, int64_t c) { transpose_tile(from + c * src + r, src, to + r * dst + c, dst); };
      if (dst > src) {
        for (int64_t r = r0; r < tiled_r; r += kStep)
          for (int64_t c = c0; c < tiled_c; c += kStep) tile(r, c);
      } else {
        for (int64_t c = c0; c < tiled_c; c += kStep)
          for (int64_t r = r0; r < tiled_r; r += kStep) tile(r, c);
      }
      for (int64_t r = r0; r < past_r; ++r)
        for (int64_t c = r < tiled_r ? tiled_c : c0; c < past_c; ++c) to[r * dst + c] = from[c * src + r];
    }
}

/// The two innermost axes in square tiles, so that neither side jumps through memory.
template <class T>
void copy_plane(const T* src, int64_t s0, int64_t s1, T* dst, int64_t d0, int64_t d1, int64_t rows,
                int64_t columns) noexcept {
  if constexpr (sizeof(T) < 8)
    if (s0 == 1 && d1 == 1) return transpose(src, s1, dst, d0, rows, columns);
  if (d1 == 1 && s1 == 1) {
    for (int64_t r = 0; r < rows; ++r) copy_row(src + r * s0, s1, dst + r * d0, d1, columns);
    return;
  }
  constexpr int64_t kSide = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kSide)
    for (int64_t c0 = 0; c0 < columns; c0 += kSide) {
      const int64_t r1 = std::min(rows, r0 + kSide), width = std::min(columns - c0, kSide);
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
  const int64_t bands = outer == 1 ? (w.dims[row] + kBand - 1) / kBand : 1;
  const int64_t plane = w.dims[row] * w.dims[last];
  parallel_for(outer * bands, std::max<int64_t>(1, kGrain * bands / std::max<int64_t>(1, plane)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   int64_t s = 0, d = 0, rest = i / bands;
                   for (std::size_t axis = row; axis-- > 0; rest /= w.dims[axis]) {
                     s += rest % w.dims[axis] * w.src[axis];
                     d += rest % w.dims[axis] * w.dst[axis];
                   }
                   const int64_t first = bands == 1 ? 0 : i % bands * kBand;
                   const int64_t past = bands == 1 ? w.dims[row] : std::min(w.dims[row], first + kBand);
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
    constexpr auto kBlock = static_cast<int64_t>(512 / sizeof(T));
    std::array<T, static_cast<std::size_t>(kBlock)> block;
    block.fill(element);
    T* to = reinterpret_cast<T*>(dst);
    parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += kBlock)
        std::memcpy(to + i, block.data(), static_cast<std::size_t>(std::min(kBlock, end - i)) * sizeof(T));
    });
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
