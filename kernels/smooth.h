#pragma once
// What smooth activations are made of (kernels/activate says how), for kernel bodies; highest power first.

namespace inc::kernels {

/// 2^t over half a power to either side, relative error below 8e-8.
constexpr float kPowerOfTwo[] = {1.32764668e-3f, 9.67554129e-3f, 5.55071329e-2f, 2.40221197e-1f, 6.93146967e-1f, 1.00000007f};
/// P of Gelu, in x².
constexpr float kGeluExponent[] = {-5.20967931e-9f, 3.85035688e-7f,  -1.14522929e-5f, 1.59388496e-4f,
                                   9.55957629e-5f,  -1.04838585e-1f, -2.3022072f};
constexpr float kLog2e = 1.44269504f;
/// Of GeluTanh: t = -x (kTanh + 0.044715 kTanh x²).
constexpr float kTanh = 2 * 0.79788456f * kLog2e;

}  // namespace inc::kernels
