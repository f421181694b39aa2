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

}  // namespace inc::kernels
