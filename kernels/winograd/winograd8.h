#pragma once
// 3×3 convolution of 8-bit data with 8-bit weights, stride 1, one group, channels last, by minimal filtering (winograd.h) in
// integers; sums are exact on every ISA, and results those of kernels/dense.
//
// Polynomials are evaluated at 0, ±1, ±2 and infinity. A transformed patch of numbers from -128 to 127 is at most 100 * 128;
// rows of the transform of weights, times the least numbers that make them whole, give at most 7 * 7 * 128: both are int16.
// What comes out is 36 to 576 times the sum, modulo 2^32. 9 has an inverse there, and at most 64 is left, so that sums below
// 2^25 are exact. 36 products of int16 replace 144 of int8, two of which take the time of one of int16 with VNNI.
//
// GOP/s of the definition on one core of a Zen 4, ours : the fastest direct kernel (without VNNI the library's, whose sums
// are exact for pair-bounded weights only):
//                             with VNNI     AVX2
//   3×3 64→64 on 224×224      612 : 445     460 : 223
//   3×3 256→256 on 56×56      773 : 463     550 : 233
//   3×3 512→512 on 28×28      768 : 478     480 : 233
//   3×3 32→32, 50 of 16×16    515 : 409     350 : 230
// Inside ResNet-50 at batch 1, milliseconds: on 56×56 0.36 : 0.52, on 28×28 0.35 : 0.52; on 14×14, where weights of 8 times the
// size come from memory, 0.55 : 0.50, so that those stay direct.
#include "kernels/dense/dense.h"
#include "kernels/winograd/winograd.h"

namespace inc::kernels {

/// A group without its weights.
struct Winograd8 {
  Winograd tiles;  ///< patches in int16, sums in int32
  bool signed_input = false;
  DenseOut out = DenseOut::U8;
  std::int32_t out_zero = 0;
  DenseResidual residual = DenseResidual::None;
  float residual_scale = 0;
  std::vector<float> scale, shift, low, high;     ///< per output channel and some more; bounds of FP32 output
  std::vector<std::int32_t> low_step, high_step;  ///< bounds of 8-bit output, in front of the zero point
  std::vector<std::int32_t> offset;               ///< what the zero point of the data adds to sums
  std::vector<std::int8_t> pad;                   ///< a pixel of the padding
};

/// Nothing where the form is another, a direct convolution is faster, sums may reach 2^25, or a sum times its scale may leave
/// 30 bits. `direct`: products of 8 bits that such a convolution makes in the time of one of int16.
std::optional<Winograd8> plan_winograd8(const DenseGroup& group, double direct, int shares);
/// weights: as in the group. packed: tiles.weight_bytes, aligned to 64.
void pack_winograd8(const Winograd8& plan, const std::int8_t* weights, std::byte* packed) noexcept;
/// operands.shares is not read: it is the plan's. scratch: tiles.scratch_bytes in all, aligned to 64.
void winograd8(const Winograd8& plan, const DenseOperands& operands) noexcept;

}  // namespace inc::kernels
