#pragma once
// Scaled dot-product attention, softmax(scale * q · kᵀ + mask) · v, for many pairs of matrices. A block of query rows goes
// through scores, softmax and context while its scores are in cache; transposes and head splits are strides.
//
// FP32 tensors are multiplied in FP32. BF16 tensors are multiplied as BF16 with sums in FP32; scores and softmax stay in
// FP32 and the probabilities are rounded once. 8-bit tensors are multiplied exactly, by probabilities rounded to steps
// of 1 / 32767, or to 8 bits where the caller wants them so. exp is a polynomial of relative error below 3e-7. Every row is computed in
// the same way wherever blocks begin, so results do not depend on the number of threads.
//
// Measured (Zen 5, one thread, 12 heads of 128 × 64) against products, scaling, mask, softmax and transposes as steps of
// their own: FP32 0.28 ms to 0.46, BF16 0.165 to 0.47. 64 heads of 256 × 8 under a causal mask, FP32: 1.3 ms to 6.5.
// On a Zen 4, the 12 heads: FP32 0.53 ms, 8-bit operands 0.27.
#include <cstddef>
#include <cstdint>

#include "core/base/bfloat16.h"
#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// Matrix number i begins at element `at[i]`; strides in elements. Mask strides may be 0.
struct Strided {
  const std::int64_t* at = nullptr;
  std::int64_t row = 0, column = 0;
};

struct Attention {
  std::int64_t matrices = 0, queries = 0, keys = 0, depth = 0, width = 0;
  /// q: queries × depth; k: keys × depth; v: keys × width; out: queries × width with columns side by side.
  Strided q, k, v, out;
  float scale = 1;
  /// queries × keys, added to the scaled scores; nullptr: none.
  const float* mask = nullptr;
  Strided mask_at;
  /// For each query the number of leading keys that have a share in it; nullptr: all. Those behind are not looked at.
  const std::int64_t* visible = nullptr;
};

void attention(const Attention& how, const float* q, const float* k, const float* v, float* out) noexcept;
/// The same with the result in 8 bits, as quantize() rounds.
void attention(const Attention& how, const float* q, const float* k, const float* v, std::byte* out,
               const Affine8& as) noexcept;
void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, BFloat16* out) noexcept;
void attention(const Attention& how, const BFloat16* q, const BFloat16* k, const BFloat16* v, std::byte* out,
               const Affine8& as) noexcept;

/// 8-bit operands; at most 2^15 keys and numbers a key.
struct Operands8 {
  const std::byte *q, *k, *v;
  Affine8 as_q, as_k, as_v;
  float share = 0;  ///< probabilities as u8 in such steps from 0 on; 0: as int16
};
void attention(const Attention& how, const Operands8& operands, float* out) noexcept;
void attention(const Attention& how, const Operands8& operands, std::byte* out, const Affine8& as) noexcept;

}  // namespace inc::kernels
