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

/// Columns of the weights of add_product that lie together, for all k.
constexpr std::int64_t kProductPanel = 64;
/// y[r] += x[r] · w for a few rows r: x [rows][k], w [n / panel][k][panel] and what is left as [k][n % panel], rows of y
/// `pitch` apart; on this thread alone. For the state's
/// products, of which a sequence has hundreds, and a call of oneDNN's costs more than the sums: 24 steps of an LSTM of 96 in
/// 0.06 ms, with oneDNN's products in 0.13 (2 rows, Zen 5, one thread, AVX512).
void add_product(const float* x, const float* w, float* y, std::int64_t rows, std::int64_t k, std::int64_t n,
                 std::int64_t pitch) noexcept;

}  // namespace inc::kernels
