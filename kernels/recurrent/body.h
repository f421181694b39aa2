// One variant of the family; included once per ISA with INC_KERNEL_ISA set to its namespace. Nothing here may be
// inline with external linkage: the linker could hand one ISA's copy to another.
#include <cstdint>

#include "kernels/exp.h"

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

using I64 = std::int64_t;

inline __attribute__((always_inline)) float sigmoid_of(float x) {
  return 1.0f / (1.0f + exp_of(-x));
}
inline __attribute__((always_inline)) float tanh_of(float x) {
  return 1.0f - 2.0f / (1.0f + exp_of(2.0f * x));
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
  for (I64 i = 0; i < hidden; ++i) {
    const float reset = reset_after ? sigmoid_of(gates[hidden + i]) : 1.0f;
    const float candidate = tanh_of(gates[2 * hidden + i] + reset * recurrent[i]);
    const float update = sigmoid_of(gates[i]);
    state[i] = (1.0f - update) * candidate + update * state[i];
  }
}

void rnn_row(const float* __restrict gates, float* __restrict state, I64 count, bool relu) noexcept {
  if (relu)
    for (I64 i = 0; i < count; ++i) state[i] = gates[i] > 0.0f ? gates[i] : 0.0f;
  else
    for (I64 i = 0; i < count; ++i) state[i] = tanh_of(gates[i]);
}

}  // namespace inc::kernels::INC_KERNEL_ISA
