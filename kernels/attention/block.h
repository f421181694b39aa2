#pragma once
// What the variants of the attention kernel are called with. Every row is padded to whole vectors of the widest ISA.
#include <cstdint>

namespace inc::kernels {

/// Some query rows against leading keys. Operands are units of 4 bytes: FP32 numbers or pairs of BF16 numbers.
struct AttentionBlock {
  std::int64_t rows, keys, depth, width;  ///< depth in units
  const float* q;
  std::int64_t q_row;
  const float* k;  ///< from pack_columns
  const float* v;  ///< keys (in units) × width
  std::int64_t v_row;
  float scale;
  const float* mask;  ///< or none; readable in whole vectors, -inf behind the last key
  std::int64_t mask_row;
  float* scores;
  std::int64_t score_row;
  float *lanes, *factor;  ///< rows × 16, rows; scratch
  float* out;
  std::int64_t out_row;
};

/// The same with 8-bit operands: units as the variant packs them (body8.h).
struct AttentionBlock8 : AttentionBlock {
  const std::int32_t* of_keys;  ///< from finish_keys8
  std::int32_t* of_rows;        ///< scratch
  std::int32_t k_zero;
  std::int64_t numbers;  ///< depth in numbers
  float share, most;     ///< a step of the shares, and how many of them there can be
  float context;         ///< a step of the sums that make the context
};

/// Rows of 8-bit numbers, side by side.
struct Rows8 {
  const std::uint8_t* data;
  std::int64_t row, count, width;
  bool is_signed;
  std::int32_t zero;
  std::uint8_t flip;  ///< what turns them into the type that a product with VNNI takes there
};

}  // namespace inc::kernels
