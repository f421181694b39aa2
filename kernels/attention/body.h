// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/attention/block.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

#ifdef INC_KERNEL_BF16_DOT
constexpr I64 kPerUnit = 2;  // numbers that one multiplication takes from a row at once
#else
constexpr I64 kPerUnit = 1;
#endif

/// A unit is the 4 bytes that one lane takes of an operand: an FP32 number, or two BF16 numbers.
INC_INLINE V dot(V sum, const float* unit, V b) {
#ifdef INC_KERNEL_BF16_DOT
  std::int32_t bits;
  std::memcpy(&bits, unit, sizeof bits);
  return (V)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(bits), (__m512bh)b);
#else
  return multiply_add(splat(*unit), b, sum);
#endif
}

/// c[R][C vectors] = a[R][depth units] · b[depth][C vectors of units].
template <int R, int C>
void tile(const float* a, I64 a_row, const float* b, I64 b_row, I64 depth, float* c, I64 c_row) {
  V sum[R][C];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) sum[r][j] = V{};
  for (I64 k = 0; k < depth; ++k) {
    V right[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) right[j] = load(b + k * b_row + j * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[r][j] = dot(sum[r][j], a + r * a_row + k, right[j]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) store(c + r * c_row + j * kLanes, sum[r][j]);
}

using Tile = void (*)(const float*, I64, const float*, I64, I64, float*, I64);
constexpr int kMostColumns = kLanes == 16 ? 4 : 2;

template <int C>
struct Rows {
  static constexpr int kMost = kLanes == 16 ? (C == 4 ? 6 : C == 3 ? 8 : 12) : C == 2 ? 6 : 12;
};

template <int C, int R = Rows<C>::kMost>
INC_INLINE void rows_of_tiles(const float* a, I64 a_row, I64 rows, const float* b, I64 b_row, I64 depth, float* c,
                              I64 c_row) {
  I64 r = 0;
  for (; r + R <= rows; r += R) tile<R, C>(a + r * a_row, a_row, b, b_row, depth, c + r * c_row, c_row);
  if constexpr (R > 1) {
    if (r < rows) rows_of_tiles<C, R / 2>(a + r * a_row, a_row, rows - r, b, b_row, depth, c + r * c_row, c_row);
  }
}

/// One panel of at most kMostColumns vectors.
void panel(int columns, const float* a, I64 a_row, I64 rows, const float* b, I64 b_row, I64 depth, float* c, I64 c_row) {
  if (columns == 1) return rows_of_tiles<1>(a, a_row, rows, b, b_row, depth, c, c_row);
  if (columns == 2) return rows_of_tiles<2>(a, a_row, rows, b, b_row, depth, c, c_row);
#if defined(__AVX512F__)
  if (columns == 3) return rows_of_tiles<3>(a, a_row, rows, b, b_row, depth, c, c_row);
  rows_of_tiles<4>(a, a_row, rows, b, b_row, depth, c, c_row);
#endif
}

constexpr I64 kPanel = kMostColumns * kLanes;

/// 4 × 4 units from rows to columns.
INC_INLINE void transpose4(const float* from, I64 from_row, float* to, I64 to_row) {
  __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_row), c = _mm_loadu_ps(from + 2 * from_row),
         d = _mm_loadu_ps(from + 3 * from_row);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(to, a);
  _mm_storeu_ps(to + to_row, b);
  _mm_storeu_ps(to + 2 * to_row, c);
  _mm_storeu_ps(to + 3 * to_row, d);
}

INC_INLINE float mask_of(const float* mask, I64 stride, I64 i) {
  return mask[i * stride];
}

/// x = s * scale + mask for `count` scores, -inf behind them up to a whole vector; the largest.
float scale_scores(float* s, I64 count, float scale, const float* mask, I64 stride) {
  const I64 whole = count / kLanes * kLanes;
  const V factor = splat(scale);
  V most = splat(-__builtin_inff());
  if (mask == nullptr) {
    for (I64 i = 0; i < whole; i += kLanes) {
      const V x = load(s + i) * factor;
      store(s + i, x);
      most = larger(x, most);
    }
  } else if (stride == 1) {
    for (I64 i = 0; i < whole; i += kLanes) {
      const V x = load(s + i) * factor + load(mask + i);
      store(s + i, x);
      most = larger(x, most);
    }
  } else {
    for (I64 i = 0; i < whole; ++i) s[i] = s[i] * scale + mask_of(mask, stride, i);
    for (I64 i = 0; i < whole; i += kLanes) most = larger(load(s + i), most);
  }
  if (whole == count) return largest_across(most);
  for (I64 i = whole; i < whole + kLanes; ++i) {
    if (i >= count)
      s[i] = -__builtin_inff();
    else
      s[i] = mask == nullptr ? s[i] * scale : s[i] * scale + mask_of(mask, stride, i);
  }
  return largest_across(larger(load(s + whole), most));
}

/// e = exp(x - most); the sum.
float exponentials(float* s, I64 count, float most) {
  V sum{};
  const V shift = splat(most);
  for (I64 i = 0; i < count; i += kLanes) {
    const V e = exponential(load(s + i) - shift);
    store(s + i, e);
    sum += e;
  }
  return sum_across(sum);
}

#ifdef INC_KERNEL_BF16_DOT
/// The first half of the row's storage becomes its BF16 numbers.
void narrow_in_place(float* s, I64 count, float factor) {
  const V f = splat(factor);
  auto* to = reinterpret_cast<char*>(s);
  for (I64 i = 0; i < count; i += kLanes) {
    const __m256bh half = _mm512_cvtneps_pbh((__m512)(load(s + i) * f));
    std::memcpy(to + 2 * i, &half, sizeof half);
  }
}
#endif

}  // namespace

/// Panels of kPanel rows as columns: to[panel][depth][kPanel], zeros behind the last row up to 16.
void pack_columns(const float* rows, I64 row, I64 count, I64 depth, float* to) noexcept {
  for (I64 first = 0; first < count; first += kPanel, to += depth * kPanel) {
    const I64 left = (count - first + 15) / 16 * 16, many = left < kPanel ? left : kPanel;
    for (I64 r = 0; r < many; r += 4)
      for (I64 k = 0; k < depth; k += 4) {
        if (first + r + 4 <= count && k + 4 <= depth) {
          transpose4(rows + (first + r) * row + k, row, to + k * kPanel + r, kPanel);
          continue;
        }
        for (I64 i = k; i < k + 4 && i < depth; ++i)
          for (I64 j = r; j < r + 4; ++j) to[i * kPanel + j] = first + j < count ? rows[(first + j) * row + i] : 0.0f;
      }
  }
}

/// Pairs of rows as units: to[r / 2][i] = (rows[r][i], rows[r + 1][i]), zeros behind the last row.
void pack_pairs(const std::uint16_t* rows, I64 row, I64 count, I64 width, std::uint32_t* to, I64 to_row) noexcept {
  for (I64 r = 0; r < count; r += 2, to += to_row) {
    const std::uint16_t *even = rows + r * row, *odd = even + row;
    if (r + 1 < count)
      for (I64 i = 0; i < width; ++i) to[i] = even[i] | static_cast<std::uint32_t>(odd[i]) << 16;
    else
      for (I64 i = 0; i < width; ++i) to[i] = even[i];
  }
}

void attend_block(const AttentionBlock& b) noexcept {
  const I64 vectors = (b.keys + kLanes - 1) / kLanes;
  for (I64 v = 0; v < vectors; v += kMostColumns) {
    const int columns = static_cast<int>(vectors - v < kMostColumns ? vectors - v : kMostColumns);
    panel(columns, b.q, b.q_row, b.rows, b.k + v * kLanes * b.depth, kPanel, b.depth, b.scores + v * kLanes, b.score_row);
  }
  for (I64 r = 0; r < b.rows; ++r) {
    float* s = b.scores + r * b.score_row;
    const float* mask = b.mask == nullptr ? nullptr : b.mask + r * b.mask_row;
    const float most = scale_scores(s, b.keys, b.scale, mask, b.mask_column);
    b.sums[r] = exponentials(s, b.keys, most);
#ifdef INC_KERNEL_BF16_DOT
    narrow_in_place(s, b.keys, 1.0f / b.sums[r]);
#endif
  }
  const I64 units = (b.keys + kPerUnit - 1) / kPerUnit, wide = (b.width + kLanes - 1) / kLanes;
  for (I64 v = 0; v < wide; v += kMostColumns) {
    const int columns = static_cast<int>(wide - v < kMostColumns ? wide - v : kMostColumns);
    panel(columns, b.scores, b.score_row, b.rows, b.v + v * kLanes, b.v_row, units, b.out + v * kLanes, b.out_row);
  }
#ifndef INC_KERNEL_BF16_DOT
  for (I64 r = 0; r < b.rows; ++r) {
    const V factor = splat(1.0f / b.sums[r]);
    for (I64 v = 0; v < wide; ++v) {
      float* o = b.out + r * b.out_row + v * kLanes;
      store(o, load(o) * factor);
    }
  }
#endif
}

}  // namespace inc::kernels::INC_KERNEL_ISA
