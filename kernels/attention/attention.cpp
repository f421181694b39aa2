#include "kernels/attention/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
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
INC_KERNEL_DECLARE(void pack_rows8(const Rows8& from, float* to, int64_t to_row) noexcept)
INC_KERNEL_DECLARE(void pack_values8(const Rows8& from, float* to, int64_t to_row) noexcept)
INC_KERNEL_DECLARE(void attend_block8(const AttentionBlock8& b) noexcept)
namespace avx512_vnni {
void pack_rows8(const Rows8& from, float* to, int64_t to_row) noexcept;
void pack_values8(const Rows8& from, float* to, int64_t to_row) noexcept;
void attend_block8(const AttentionBlock8& b) noexcept;
void pack_columns(const float* rows, int64_t row, int64_t count, int64_t depth, float* to) noexcept;
void finish_keys8(float* packed, int64_t keys, int64_t depth, std::uint8_t flip, std::int32_t zero, std::int32_t less,
                  std::int32_t* to) noexcept;
}  // namespace avx512_vnni
#define INC_ATTENTION8_CALL(function, ...)    \
  do {                                        \
    if (has_vnni())                           \
      avx512_vnni::function(__VA_ARGS__);     \
    else                                      \
      INC_KERNEL_CALL(function, __VA_ARGS__); \
  } while (false)

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

template <class T>
void copy_row(const T* from, int64_t count, T* to) {
  std::copy_n(from, count, to);
}
void copy_row(const BFloat16* from, int64_t count, float* to) {
  widen_row(from, to, count);
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

/// Operands in FP32, or as pairs of BF16.
template <class T, bool kPairs>
struct Reals {
  static constexpr int64_t kPerUnit = kPairs ? 2 : 1, kValuesPerUnit = kPerUnit;
  const T *q, *k, *v;

  /// A unit holds kPerUnit numbers of a row.
  static Units units(const Attention& how, const T* from, const Strided& as, int64_t count, float* scratch) {
    const int64_t depth = (how.depth + kPerUnit - 1) / kPerUnit;
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

  Units queries(const Attention& how, int64_t at, int64_t rows, float* scratch) const {
    return units(how, q + at, how.q, rows, scratch);
  }

  void pack_keys(const Attention& how, int64_t at, float* scratch, float* to, float*) const {
    const int64_t depth = (how.depth + kPerUnit - 1) / kPerUnit;
    const Units rows = units(how, k + at, how.k, how.keys, scratch);
    if constexpr (kPairs)
      avx512_bf16::pack_columns(rows.data, rows.row, how.keys, depth, to);
    else
      INC_KERNEL_CALL(pack_columns, rows.data, rows.row, how.keys, depth, to);
  }

  void pack_values(const Attention& how, int64_t at, float* scratch, float* to, int64_t wide) const {
    const T* from = v + at;
    if constexpr (kPairs) {
      int64_t row = how.v.row;
      if (how.v.column != 1) {
        copy_rows(from, row, how.v.column, how.keys, how.width, reinterpret_cast<T*>(scratch), how.width);
        from = reinterpret_cast<const T*>(scratch);
        row = how.width;
      }
      avx512_bf16::pack_pairs(reinterpret_cast<const std::uint16_t*>(from), row, how.keys, how.width,
                              reinterpret_cast<std::uint32_t*>(to), wide);
    } else {
      copy_rows(from, how.v.row, how.v.column, how.keys, how.width, to, wide);
    }
  }

  void attend(const AttentionBlock& block, const Attention&, float*) const {
    if constexpr (kPairs)
      avx512_bf16::attend_block(block);
    else
      INC_KERNEL_CALL(attend_block, block);
  }

  static int64_t further_floats(const Attention&) { return 0; }
};

/// 8-bit operands: queries and keys as bytes with VNNI, all else as pairs of int16.
template <int64_t kNumbers>
struct Bytes {
  static constexpr int64_t kPerUnit = kNumbers, kValuesPerUnit = 2;
  const Operands8& from;

  /// Behind the scratch of a matrix: what its keys' zero points add, and the same of rows.
  static int64_t further_floats(const Attention& how) { return padded(how.keys, kVector) + padded(kRows, kVector); }

  static Rows8 rows_of(const std::byte* data, const Affine8& as, const Strided& at, int64_t count, int64_t width,
                       bool wants_signed) {
    const bool flips = as.is_signed != wants_signed;
    return {reinterpret_cast<const std::uint8_t*>(data), at.row, count, width, as.is_signed, as.zero_point,
            static_cast<std::uint8_t>(flips ? 0x80 : 0)};
  }

  /// Rows with their columns side by side, in `scratch` if they do not lie so.
  static Rows8 straight(Rows8 rows, int64_t column, float*& scratch) {
    if (column == 1) return rows;
    auto* to = reinterpret_cast<std::uint8_t*>(scratch);
    copy_rows(rows.data, rows.row, column, rows.count, rows.width, to, rows.width);
    scratch += padded((rows.count * rows.width + 3) / 4, kVector);
    rows.data = to, rows.row = rows.width;
    return rows;
  }

  static Units units(Rows8 rows, int64_t column, float* scratch) {
    if (kPerUnit == 4 && column == 1 && rows.flip == 0 && rows.width % 4 == 0 && rows.row % 4 == 0)
      return {reinterpret_cast<const float*>(rows.data), rows.row / 4};
    const int64_t depth = (rows.width + kPerUnit - 1) / kPerUnit;
    rows = straight(rows, column, scratch);
    INC_ATTENTION8_CALL(pack_rows8, rows, scratch, depth);
    return {scratch, depth};
  }

  Units queries(const Attention& how, int64_t at, int64_t rows, float* scratch) const {
    return units(rows_of(from.q + at, from.as_q, how.q, rows, how.depth, false), how.q.column, scratch);
  }

  static std::int32_t unsigned_zero(const Affine8& as) { return as.zero_point + (as.is_signed ? 128 : 0); }

  void pack_keys(const Attention& how, int64_t at, float* scratch, float* to, float* further) const {
    const int64_t depth = (how.depth + kPerUnit - 1) / kPerUnit;
    Rows8 bytes = rows_of(from.k + at, from.as_k, how.k, how.keys, how.depth, true);
    std::uint8_t flip = 0;  // of whole units: faster there
    if (how.depth % kPerUnit == 0) std::swap(flip, bytes.flip);
    const Units rows = units(bytes, how.k.column, scratch);
    INC_ATTENTION8_CALL(pack_columns, rows.data, rows.row, how.keys, depth, to);
    if (kPerUnit == 4)
      avx512_vnni::finish_keys8(to, how.keys, depth, flip, unsigned_zero(from.as_q),
                                static_cast<std::int32_t>(how.depth) * (unsigned_zero(from.as_k) - 128),
                                reinterpret_cast<std::int32_t*>(further));
  }

  void pack_values(const Attention& how, int64_t at, float* scratch, float* to, int64_t wide) const {
    const Rows8 rows = straight(rows_of(from.v + at, from.as_v, how.v, how.keys, how.width, true), how.v.column, scratch);
    INC_ATTENTION8_CALL(pack_values8, rows, to, wide);
  }

  void attend(const AttentionBlock& block, const Attention& how, float* further) const {
    auto* of_keys = reinterpret_cast<std::int32_t*>(further);
    const float most = from.share > 0 ? 255 : 32767, share = from.share > 0 ? from.share : 1 / most;
    AttentionBlock8 b{block, of_keys, of_keys + padded(how.keys, kVector), unsigned_zero(from.as_k) - 128,
                      how.depth, share, most, share * from.as_v.scale};
    b.scale *= from.as_q.scale * from.as_k.scale;
    INC_ATTENTION8_CALL(attend_block8, b);
  }
};

template <class Operands>
struct Kernel {
  const Attention& how;
  Operands operands;
  int64_t depth = (how.depth + Operands::kPerUnit - 1) / Operands::kPerUnit;  // in units
  int64_t wide = padded(how.width, kVector);
  int64_t long_ = padded(how.keys, kVector);

  int64_t floats() const {
    return padded(how.keys, kPanel) * depth + long_ * wide + kRows * (2 * long_ + wide + kVector + 1) +
           2 * std::max(how.keys, kRows) * std::max(depth, wide) + Operands::further_floats(how) + 10 * kVector;
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
  void run(int64_t i, int64_t begin, int64_t end, const Put& put) const {
    Workspace work(floats());
    float *keys = work.take(padded(how.keys, kPanel) * depth),
          *values = work.take((long_ + Operands::kValuesPerUnit - 1) / Operands::kValuesPerUnit * wide),
          *scores = work.take(kRows * long_), *out = work.take(kRows * wide), *lanes = work.take(kRows * kVector),
          *factor = work.take(kRows), *masks = work.take(kRows * long_),
          *further = work.take(Operands::further_floats(how)), *scratch = work.take(0);
    operands.pack_keys(how, how.k.at[i], scratch, keys, further);
    operands.pack_values(how, how.v.at[i], scratch, values, wide);
    for (int64_t first = begin * kRows; first < std::min(end * kRows, how.queries); first += kRows) {
      const int64_t rows = std::min(kRows, how.queries - first);
      const Units queries = operands.queries(how, how.q.at[i] + first * how.q.row, rows, scratch);
      const float* mask = how.mask == nullptr ? nullptr : how.mask + how.mask_at.at[i] + first * how.mask_at.row;
      const Units masked = mask_rows(mask, rows, masks);
      operands.attend({rows, visible(first, rows), depth, how.width, queries.data, queries.row, keys, values, wide,
                       how.scale, masked.data, masked.row, scores, long_, lanes, factor, out, wide},
                      how, further);
      for (int64_t r = 0; r < rows; ++r) put(out + r * wide, how.out.at[i] + (first + r) * how.out.row);
    }
  }

  template <class Put>
  void run(const Put& put) const {
    const int64_t blocks = (how.queries + kRows - 1) / kRows;
    const int64_t parts = how.matrices >= 2 * threads() ? 1 : std::min<int64_t>(blocks, threads());
    const int64_t cost = how.queries * how.keys * (how.depth + how.width + 16) / parts;
    parallel_for(how.matrices * parts, kGrain / std::max<int64_t>(1, cost) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        const int64_t part = u % parts;
        run(u / parts, blocks * part / parts, blocks * (part + 1) / parts, put);
      }
    });
  }
};

bool has_pairs() {
  static const bool cpu = __builtin_cpu_supports("avx512bf16") != 0;
  return cpu && isa() == Isa::Avx512;
}

template <class Put>
void run(const Attention& how, const float* q, const float* k, const float* v, const Put& put) {
  Kernel<Reals<float, false>>{how, {q, k, v}}.run(put);
}

template <class Put>
void run(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, const Put& put) {
  if (has_pairs()) return Kernel<Reals<BFloat16, true>>{how, {q, k, v}}.run(put);
  Kernel<Reals<BFloat16, false>>{how, {q, k, v}}.run(put);
}

template <class Put>
void run(const Attention& how, const Operands8& operands, const Put& put) {
  if (has_vnni()) return Kernel<Bytes<4>>{how, {operands}}.run(put);
  Kernel<Bytes<2>>{how, {operands}}.run(put);
}

/// put() for results of these types.
auto plainly(const Attention& how, float* out) {
  return [&how, out](const float* row, int64_t at) { std::copy_n(row, how.width, out + at); };
}
auto plainly(const Attention& how, BFloat16* out) {
  return [&how, out](const float* row, int64_t at) { narrow_row(row, out + at, how.width); };
}
auto in_8_bits(const Attention& how, std::byte* out, const Affine8& as) {
  return [&how, out, &as](const float* row, int64_t at) { quantize_row(row, out + at, how.width, as); };
}

}  // namespace

void attention(const Attention& how, const float* q, const float* k, const float* v, float* out) noexcept {
  run(how, q, k, v, plainly(how, out));
}

void attention(const Attention& how, const float* q, const float* k, const float* v, std::byte* out,
               const Affine8& as) noexcept {
  run(how, q, k, v, in_8_bits(how, out, as));
}

void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, BFloat16* out) noexcept {
  run(how, q, k, v, plainly(how, out));
}

void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, std::byte* out,
               const Affine8& as) noexcept {
  run(how, q, k, v, in_8_bits(how, out, as));
}

void attention(const Attention& how, const Operands8& operands, float* out) noexcept {
  run(how, operands, plainly(how, out));
}

void attention(const Attention& how, const Operands8& operands, std::byte* out, const Affine8& as) noexcept {
  run(how, operands, in_8_bits(how, out, as));
}

}  // namespace inc::kernels
