// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/attention/block.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;

INC_INLINE std::int32_t bits_of(const float* unit) {
  std::int32_t bits;
  std::memcpy(&bits, unit, sizeof bits);
  return bits;
}

/// A unit is the 4 bytes that one lane takes of an operand: an FP32 number, or two BF16 numbers.
struct Real {
#ifdef INC_KERNEL_BF16_DOT
  static constexpr I64 kPerUnit = 2;  // numbers that one multiplication takes from a row at once
#else
  static constexpr I64 kPerUnit = 1;
#endif
  using Sum = V;
  static INC_INLINE Sum dot(Sum sum, const float* unit, V b) {
#ifdef INC_KERNEL_BF16_DOT
    return (V)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(bits_of(unit)), (__m512bh)b);
#else
    return multiply_add(splat(*unit), b, sum);
#endif
  }
};

template <int C>
INC_INLINE void put(const V (&row)[C], float* to) {
#pragma GCC unroll 4
  for (int j = 0; j < C; ++j) store(to + j * kLanes, row[j]);
}

/// What becomes of sums that are scores: s * scale + mask; and of each row the largest so far, lane by lane.
struct Scores {
  float scale;
  const float* mask;  ///< of the panel's columns, or none
  I64 mask_row;
  float* most;
  bool first;

  template <int C>
  INC_INLINE void row(I64 r, const V (&sum)[C], float* to) const {
    V score[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j)
      score[j] = mask == nullptr ? sum[j] * splat(scale)
                                 : multiply_add(sum[j], splat(scale), load(mask + r * mask_row + j * kLanes));
    V top = score[0];
#pragma GCC unroll 4
    for (int j = 1; j < C; ++j) top = larger(score[j], top);
    store(most + r * kLanes, first ? top : larger(top, load(most + r * kLanes)));
    put(score, to);
  }
};

/// Of sums of shares: each row times its factor, if there are any.
struct Context {
  const float* factor;

  template <int C>
  INC_INLINE void row(I64 r, const V (&sum)[C], float* to) const {
    if (factor == nullptr) return put(sum, to);
    const V by = splat(factor[r]);
    V scaled[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) scaled[j] = sum[j] * by;
    put(scaled, to);
  }
};

/// Operands of a product from the first of its rows on: c[R][C vectors] = a[R][depth units] · b[depth][C vectors of units].
struct Product {
  const float* a;
  I64 a_row;
  const float* b;
  I64 b_row, depth;
  float* c;
  I64 c_row;
};

template <class Numbers, int R, int C, class Finish>
void tile(const Product& p, I64 first, const Finish& finish) {
  typename Numbers::Sum sum[R][C];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) sum[r][j] = typename Numbers::Sum{};
  const float *a = p.a + first * p.a_row, *b = p.b;
  const I64 a_row = p.a_row, b_row = p.b_row;
  for (I64 k = 0; k < p.depth; ++k) {
    V right[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) right[j] = load(b + k * b_row + j * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[r][j] = Numbers::dot(sum[r][j], a + r * a_row + k, right[j]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) finish.row(first + r, sum[r], p.c + (first + r) * p.c_row);
}

constexpr int kMostColumns = kLanes == 16 ? 4 : 2;
template <int C>
constexpr int kMostRows = kLanes == 16 ? (C == 4   ? 6
                                          : C == 3 ? 8
                                                   : 12)
                          : C == 2     ? 6
                                       : 12;

/// As few tiles as will do, of like heights.
template <class Numbers, int C, class Finish, int... R>
INC_INLINE void tiles(const Product& p, I64 rows, const Finish& finish, std::integer_sequence<int, R...>) {
  using Tile = void (*)(const Product&, I64, const Finish&);
  static constexpr Tile kTiles[] = {tile<Numbers, R + 1, C, Finish>...};
  const I64 count = (rows + sizeof...(R) - 1) / static_cast<I64>(sizeof...(R));
  for (I64 i = 0, first = 0; i < count; ++i) {
    const I64 next = rows * (i + 1) / count;
    kTiles[next - first - 1](p, first, finish);
    first = next;
  }
}

/// One panel of at most kMostColumns vectors.
template <class Numbers, class Finish, int C = kMostColumns>
void panel(int columns, const Product& p, I64 rows, const Finish& finish) {
  if constexpr (C > 1) {
    if (columns < C) return panel<Numbers, Finish, C - 1>(columns, p, rows, finish);
  }
  tiles<Numbers, C>(p, rows, finish, std::make_integer_sequence<int, kMostRows<C>>());
}

constexpr I64 kPanel = kMostColumns * kLanes;

#if !defined(__AVX512F__)
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

#else
/// 16 × 16 units from rows to columns.
INC_INLINE void transpose16(const float* from, I64 from_row, float* to, I64 to_row) {
  V a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = load(from + i * from_row);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    const int i = j / 2 * 4 + j % 2;
    a[2 * j] = __builtin_shufflevector(b[i], b[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    a[2 * j + 1] = __builtin_shufflevector(b[i], b[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    V half[4];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const V x = a[i + 8 * j], y = a[i + 8 * j + 4];
      half[j] = __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
      half[j + 2] = __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const V x = half[2 * j], y = half[2 * j + 1];
      store(to + (i + 4 * j) * to_row,
            __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27));
      store(to + (i + 4 * j + 8) * to_row,
            __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31));
    }
  }
}
#endif

/// e = exp(x - most); the sum, lane by lane.
INC_INLINE V exponentials(float* s, I64 count, float most) {
  V sum{};
  const V shift = splat(most);
  for (I64 i = 0; i < count; i += kLanes) {
    const V e = exponential(load(s + i) - shift);
    store(s + i, e);
    sum += e;
  }
  return sum;
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

/// Every panel of keys; finish(Scores, first key) says what becomes of the sums.
template <class Numbers, class Finish>
INC_INLINE void score(const AttentionBlock& b, const Finish& finish) {
  const I64 vectors = (b.keys + kLanes - 1) / kLanes;
  for (I64 v = 0; v < vectors; v += kMostColumns) {
    const int columns = static_cast<int>(vectors - v < kMostColumns ? vectors - v : kMostColumns);
    const Product p{b.q, b.q_row, b.k + v * kLanes * b.depth, kPanel, b.depth, b.scores + v * kLanes, b.score_row};
    const Scores scores{b.scale, b.mask == nullptr ? nullptr : b.mask + v * kLanes, b.mask_row, b.lanes, v == 0};
    panel<Numbers>(columns, p, b.rows, finish(scores, v * kLanes));
  }
}

/// Scores become exponentials, and factor what makes shares of a row's.
INC_INLINE void soften(const AttentionBlock& b) {
  for (I64 r = 0; r < b.rows; ++r) b.factor[r] = largest_across(load(b.lanes + r * kLanes));
  for (I64 r = 0; r < b.rows; ++r)
    store(b.lanes + r * kLanes, exponentials(b.scores + r * b.score_row, b.keys, b.factor[r]));
  for (I64 r = 0; r < b.rows; ++r) b.factor[r] = 1.0f / sum_across(load(b.lanes + r * kLanes));
}

template <class Numbers, class Finish>
INC_INLINE void gather(const AttentionBlock& b, const Finish& finish) {
  const I64 units = (b.keys + Numbers::kPerUnit - 1) / Numbers::kPerUnit, wide = (b.width + kLanes - 1) / kLanes;
  for (I64 v = 0; v < wide; v += kMostColumns) {
    const int columns = static_cast<int>(wide - v < kMostColumns ? wide - v : kMostColumns);
    const Product p{b.scores, b.score_row, b.v + v * kLanes, b.v_row, units, b.out + v * kLanes, b.out_row};
    panel<Numbers>(columns, p, b.rows, finish);
  }
}

}  // namespace

/// Panels of kPanel rows as columns: to[panel][depth][kPanel], zeros behind the last row up to 16.
void pack_columns(const float* rows, I64 row, I64 count, I64 depth, float* to) noexcept {
#if defined(__AVX512F__)
  constexpr I64 kBlock = 16;
#else
  constexpr I64 kBlock = 4;
#endif
  for (I64 first = 0; first < count; first += kPanel, to += depth * kPanel) {
    const I64 left = (count - first + 15) / 16 * 16, many = left < kPanel ? left : kPanel;
    for (I64 r = 0; r < many; r += kBlock)
      for (I64 k = 0; k < depth; k += kBlock) {
        if (first + r + kBlock <= count && k + kBlock <= depth) {
#if defined(__AVX512F__)
          transpose16(rows + (first + r) * row + k, row, to + k * kPanel + r, kPanel);
#else
          transpose4(rows + (first + r) * row + k, row, to + k * kPanel + r, kPanel);
#endif
          continue;
        }
        for (I64 i = k; i < k + kBlock && i < depth; ++i)
          for (I64 j = r; j < r + kBlock; ++j) to[i * kPanel + j] = first + j < count ? rows[(first + j) * row + i] : 0.0f;
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
  score<Real>(b, [](const Scores& scores, I64) { return scores; });
  soften(b);
#ifdef INC_KERNEL_BF16_DOT
  for (I64 r = 0; r < b.rows; ++r) narrow_in_place(b.scores + r * b.score_row, b.keys, b.factor[r]);
  gather<Real>(b, Context{nullptr});
#else
  gather<Real>(b, Context{b.factor});
#endif
}

}  // namespace inc::kernels::INC_KERNEL_ISA
