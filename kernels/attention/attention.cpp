#include "kernels/attention/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/base/parallel.h"
#include "kernels/attention/block.h"
#include "kernels/bfloat16/bfloat16.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void pack_columns(const float* rows, int64_t row, int64_t count, int64_t depth, float* to) noexcept)
INC_KERNEL_DECLARE(void attend_block(const AttentionBlock& b) noexcept)
namespace avx512_bf16 {
void pack_columns(const float* rows, int64_t row, int64_t count, int64_t depth, float* to) noexcept;
void pack_pairs(const std::uint16_t* rows, int64_t row, int64_t count, int64_t width, std::uint32_t* to,
                int64_t to_row) noexcept;
void attend_block(const AttentionBlock& b) noexcept;
}  // namespace avx512_bf16

namespace {

constexpr int64_t kRows = 24, kVector = 16, kPanel = 64;
constexpr int64_t kGrain = 1 << 18;  // multiplications

int64_t padded(int64_t count, int64_t to) {
  return (count + to - 1) / to * to;
}

/// Numbers of one matrix in units of 4 bytes.
struct Units {
  const float* data;
  int64_t row;
};

/// Scratch of one thread; grows only.
class Workspace {
 public:
  explicit Workspace(int64_t floats) {
    thread_local std::vector<float> storage;
    if (storage.size() < static_cast<std::size_t>(floats + kVector))
      storage.resize(static_cast<std::size_t>(floats + kVector));
    next_ = storage.data();
    while (reinterpret_cast<std::uintptr_t>(next_) % 64 != 0) ++next_;
  }
  float* take(int64_t floats) {
    float* here = next_;
    next_ += padded(floats, kVector);
    return here;
  }

 private:
  float* next_;
};

void copy_row(const float* from, int64_t count, float* to) {
  std::copy_n(from, count, to);
}
void copy_row(const BFloat16* from, int64_t count, float* to) {
  widen_row(from, to, count);
}
void copy_row(const BFloat16* from, int64_t count, BFloat16* to) {
  std::copy_n(from, count, to);
}

/// Rows side by side, zeros behind each up to `to_row`.
template <class T, class U>
void copy_rows(const T* from, int64_t row, int64_t column, int64_t count, int64_t width, U* to, int64_t to_row) {
  for (int64_t r = 0; r < count; ++r, from += row, to += to_row) {
    if (column == 1)
      copy_row(from, width, to);
    else
      for (int64_t i = 0; i < width; ++i) to[i] = static_cast<U>(from[i * column]);
    std::fill(to + width, to + to_row, U{});
  }
}

template <class T, bool kPairs>
struct Kernel {
  const Attention& how;
  int64_t depth = kPairs ? (how.depth + 1) / 2 : how.depth;  // in units
  int64_t wide = padded(how.width, kVector);
  int64_t long_ = padded(how.keys, kVector);

  int64_t floats() const {
    return padded(how.keys, kPanel) * depth + long_ * wide + kRows * (2 * long_ + wide + kVector + 1) +
           std::max(how.keys, kRows) * std::max(depth, wide) + 8 * kVector;
  }

  Units units(const T* from, const Strided& as, int64_t count, float* scratch) const {
    if constexpr (kPairs) {
      if (as.column == 1 && how.depth % 2 == 0 && as.row % 2 == 0) return {reinterpret_cast<const float*>(from), as.row / 2};
      copy_rows(from, as.row, as.column, count, how.depth, reinterpret_cast<T*>(scratch), 2 * depth);
    } else {
      if constexpr (std::is_same_v<T, float>)
        if (as.column == 1) return {from, as.row};
      copy_rows(from, as.row, as.column, count, how.depth, scratch, depth);
    }
    return {scratch, depth};
  }

  void pack_keys(const T* k, float* scratch, float* to) const {
    const Units rows = units(k, how.k, how.keys, scratch);
    if constexpr (kPairs)
      avx512_bf16::pack_columns(rows.data, rows.row, how.keys, depth, to);
    else
      INC_KERNEL_CALL(pack_columns, rows.data, rows.row, how.keys, depth, to);
  }

  void pack_values(const T* v, float* scratch, float* to) const {
    if constexpr (kPairs) {
      int64_t row = how.v.row;
      if (how.v.column != 1) {
        copy_rows(v, row, how.v.column, how.keys, how.width, reinterpret_cast<T*>(scratch), how.width);
        v = reinterpret_cast<const T*>(scratch);
        row = how.width;
      }
      avx512_bf16::pack_pairs(reinterpret_cast<const std::uint16_t*>(v), row, how.keys, how.width,
                              reinterpret_cast<std::uint32_t*>(to), wide);
    } else {
      copy_rows(v, how.v.row, how.v.column, how.keys, how.width, to, wide);
    }
  }

  void attend(const AttentionBlock& block) const {
    if constexpr (kPairs)
      avx512_bf16::attend_block(block);
    else
      INC_KERNEL_CALL(attend_block, block);
  }

  int64_t visible(int64_t first, int64_t rows) const {
    if (how.visible == nullptr) return how.keys;
    return std::clamp<int64_t>(*std::max_element(how.visible + first, how.visible + first + rows), 1, how.keys);
  }

  /// Whole vectors of the mask of some queries, -inf behind the last key: where it lies, or in `to`.
  Units mask_rows(const float* mask, int64_t rows, float* to) const {
    const bool whole = how.keys == long_;
    if (whole && (mask == nullptr || how.mask_at.column == 1)) return {mask, how.mask_at.row};
    if (mask == nullptr || how.mask_at.row == 0) rows = 1;
    for (int64_t r = 0; r < rows; ++r) {
      float* row = to + r * long_;
      for (int64_t i = 0; i < how.keys; ++i)
        row[i] = mask == nullptr ? 0.0f : mask[r * how.mask_at.row + i * how.mask_at.column];
      std::fill(row + how.keys, row + long_, -std::numeric_limits<float>::infinity());
    }
    return {to, rows == 1 ? 0 : long_};
  }

  /// Blocks [begin, end) of the rows of matrix i. put(row of FP32, at): at, the element of the output.
  template <class Put>
  void run(int64_t i, int64_t begin, int64_t end, const T* q, const T* k, const T* v, const Put& put) const {
    Workspace work(floats());
    float *keys = work.take(padded(how.keys, kPanel) * depth), *values = work.take(long_ * wide / (kPairs ? 2 : 1)),
          *scores = work.take(kRows * long_), *out = work.take(kRows * wide), *lanes = work.take(kRows * kVector),
          *factor = work.take(kRows), *masks = work.take(kRows * long_), *scratch = work.take(0);
    pack_keys(k + how.k.at[i], scratch, keys);
    pack_values(v + how.v.at[i], scratch, values);
    for (int64_t first = begin * kRows; first < std::min(end * kRows, how.queries); first += kRows) {
      const int64_t rows = std::min(kRows, how.queries - first);
      const Units queries = units(q + how.q.at[i] + first * how.q.row, how.q, rows, scratch);
      const float* mask = how.mask == nullptr ? nullptr : how.mask + how.mask_at.at[i] + first * how.mask_at.row;
      const Units masked = mask_rows(mask, rows, masks);
      attend({rows, visible(first, rows), depth, how.width, queries.data, queries.row, keys, values, wide, how.scale,
              masked.data, masked.row, scores, long_, lanes, factor, out, wide});
      for (int64_t r = 0; r < rows; ++r) put(out + r * wide, how.out.at[i] + (first + r) * how.out.row);
    }
  }

  template <class Put>
  void run(const T* q, const T* k, const T* v, const Put& put) const {
    const int64_t blocks = (how.queries + kRows - 1) / kRows;
    const int64_t parts = how.matrices >= 2 * threads() ? 1 : std::min<int64_t>(blocks, threads());
    const int64_t cost = how.queries * how.keys * (how.depth + how.width + 16) / parts;
    parallel_for(how.matrices * parts, kGrain / std::max<int64_t>(1, cost) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        const int64_t part = u % parts;
        run(u / parts, blocks * part / parts, blocks * (part + 1) / parts, q, k, v, put);
      }
    });
  }
};

bool has_pairs() {
  static const bool cpu = __builtin_cpu_supports("avx512bf16") != 0;
  return cpu && isa() == Isa::Avx512;
}

template <class Put>
void run(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, const Put& put) noexcept {
  if (has_pairs()) return Kernel<BFloat16, true>{how}.run(q, k, v, put);
  Kernel<BFloat16, false>{how}.run(q, k, v, put);
}

}  // namespace

void attention(const Attention& how, const float* q, const float* k, const float* v, float* out) noexcept {
  Kernel<float, false>{how}.run(q, k, v, [&](const float* row, int64_t at) { std::copy_n(row, how.width, out + at); });
}

void attention(const Attention& how, const float* q, const float* k, const float* v, std::byte* out,
               const Affine8& as) noexcept {
  Kernel<float, false>{how}.run(q, k, v, [&](const float* row, int64_t at) { quantize_row(row, out + at, how.width, as); });
}

void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, BFloat16* out) noexcept {
  run(how, q, k, v, [&](const float* row, int64_t at) { narrow_row(row, out + at, how.width); });
}

void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, std::byte* out,
               const Affine8& as) noexcept {
  run(how, q, k, v, [&](const float* row, int64_t at) { quantize_row(row, out + at, how.width, as); });
}

}  // namespace inc::kernels
