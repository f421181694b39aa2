// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/exp.h"
#include "kernels/recurrent/recurrent.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

#include "kernels/vector.h"

using I64 = std::int64_t;
constexpr int kWide = 4;
constexpr I64 kPanel = kProductPanel;
static_assert(kPanel % (kWide * kLanes) == 0);

/// kRows rows of y, `vectors` of them, in registers; rows of w lie `step` apart.
template <int kRows, int vectors>
INC_INLINE void add_block(const float* x, const float* w, float* y, I64 k, I64 pitch, I64 step) {
  V sum[kRows][vectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < vectors; ++v) sum[r][v] = load(y + r * pitch + v * kLanes);
  for (I64 i = 0; i < k; ++i)
    for (int v = 0; v < vectors; ++v) {
      const V weight = load(w + i * step + v * kLanes);
      for (int r = 0; r < kRows; ++r) sum[r][v] = multiply_add(splat(x[r * k + i]), weight, sum[r][v]);
    }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < vectors; ++v) store(y + r * pitch + v * kLanes, sum[r][v]);
}

/// The columns behind the last whole panel.
template <int kRows>
INC_INLINE void add_rest(const float* x, const float* w, float* y, I64 k, I64 rest, I64 pitch) {
  I64 c = 0;
  for (; c + 2 * kLanes <= rest; c += 2 * kLanes) add_block<kRows, 2>(x, w + c, y + c, k, pitch, rest);
  for (; c + kLanes <= rest; c += kLanes) add_block<kRows, 1>(x, w + c, y + c, k, pitch, rest);
  for (; c < rest; ++c)
    for (int r = 0; r < kRows; ++r) {
      float sum = y[r * pitch + c];
      for (I64 i = 0; i < k; ++i) sum += x[r * k + i] * w[i * rest + c];
      y[r * pitch + c] = sum;
    }
}

template <int kRows>
INC_INLINE void add_rows(const float* x, const float* w, float* y, I64 k, I64 n, I64 pitch) {
  I64 c = 0;
  for (; c + kPanel <= n; c += kPanel)
    for (I64 at = 0; at < kPanel; at += kWide * kLanes)
      add_block<kRows, kWide>(x, w + c * k + at, y + c + at, k, pitch, kPanel);
  if (c < n) add_rest<kRows>(x, w + c * k, y + c, k, n - c, pitch);
}

inline __attribute__((always_inline)) float sigmoid_of(float x) {
  return 1.0f / (1.0f + exp_of(-x));
}
inline __attribute__((always_inline)) float tanh_of(float x) {
  return 1.0f - 2.0f / (1.0f + exp_of(2.0f * x));
}

template <bool kResetAfter>
INC_INLINE void gru_row_with(const float* __restrict gates, const float* __restrict recurrent, float* __restrict state,
                             I64 hidden) {
  for (I64 i = 0; i < hidden; ++i) {
    const float reset = kResetAfter ? sigmoid_of(gates[hidden + i]) : 1.0f;
    const float candidate = tanh_of(gates[2 * hidden + i] + reset * recurrent[i]);
    const float update = sigmoid_of(gates[i]);
    state[i] = (1.0f - update) * candidate + update * state[i];
  }
}

}  // namespace

void lstm_row(const float* __restrict gates, float* __restrict memory, float* __restrict state, I64 hidden) noexcept {
  for (I64 i = 0; i < hidden; ++i) {
    const float kept = sigmoid_of(gates[2 * hidden + i]) * memory[i];
    memory[i] = kept + sigmoid_of(gates[i]) * tanh_of(gates[3 * hidden + i]);
    state[i] = sigmoid_of(gates[hidden + i]) * tanh_of(memory[i]);
  }
}

void gru_reset_row(const float* __restrict gates, const float* __restrict state, float* __restrict masked,
                   I64 hidden) noexcept {
  for (I64 i = 0; i < hidden; ++i) masked[i] = sigmoid_of(gates[hidden + i]) * state[i];
}

void gru_row(const float* __restrict gates, const float* __restrict recurrent, float* __restrict state, I64 hidden,
             bool reset_after) noexcept {
  if (reset_after)
    gru_row_with<true>(gates, recurrent, state, hidden);
  else
    gru_row_with<false>(gates, recurrent, state, hidden);
}

void rnn_row(const float* __restrict gates, float* __restrict state, I64 count, bool relu) noexcept {
  if (relu)
    for (I64 i = 0; i < count; ++i) state[i] = gates[i] > 0.0f ? gates[i] : 0.0f;
  else
    for (I64 i = 0; i < count; ++i) state[i] = tanh_of(gates[i]);
}

void add_few_rows(const float* x, const float* w, float* y, I64 rows, I64 k, I64 n, I64 pitch) noexcept {
  if (kLanes == 16)
    for (; rows >= 4; rows -= 4, x += 4 * k, y += 4 * pitch) add_rows<4>(x, w, y, k, n, pitch);
  for (; rows >= 2; rows -= 2, x += 2 * k, y += 2 * pitch) add_rows<2>(x, w, y, k, n, pitch);
  if (rows == 1) add_rows<1>(x, w, y, k, n, pitch);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
