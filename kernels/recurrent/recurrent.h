#pragma once
// What one time step of a recurrent cell does after its matrix products, on rows of sums of one gate behind the other.
#include <cstdint>

namespace inc::kernels {

/// `gates`: [batch][4][hidden], input, output, forget and cell gate as ONNX orders them. Overwrites `memory` and writes
/// `state`, both [batch][hidden].
void lstm_cell(const float* gates, float* memory, float* state, std::int64_t batch, std::int64_t hidden) noexcept;

/// `gates`: [batch][3][hidden], update, reset and candidate, the last without the part of the state. First half:
/// `masked` = reset · state.
void gru_reset(const float* gates, const float* state, float* masked, std::int64_t batch, std::int64_t hidden) noexcept;
/// Second half: state = (1 - update) · tanh(candidate) + update · state, where `recurrent` [batch][hidden], times reset if
/// `reset_after`, is added to the candidate.
void gru_cell(const float* gates, const float* recurrent, float* state, std::int64_t batch, std::int64_t hidden,
              bool reset_after) noexcept;

/// state = tanh(gates) or max(0, gates).
void rnn_cell(const float* gates, float* state, std::int64_t count, bool relu) noexcept;

}  // namespace inc::kernels
