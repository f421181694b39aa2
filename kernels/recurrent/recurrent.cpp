#include "kernels/recurrent/recurrent.h"

#include "core/base/parallel.h"
#include "kernels/variants.h"

namespace inc::kernels {

using std::int64_t;
INC_KERNEL_DECLARE(void lstm_row(const float* gates, float* memory, float* state, int64_t hidden) noexcept)
INC_KERNEL_DECLARE(void gru_reset_row(const float* gates, const float* state, float* masked, int64_t hidden) noexcept)
INC_KERNEL_DECLARE(void gru_row(const float* gates, const float* recurrent, float* state, int64_t hidden,
                                bool reset_after) noexcept)
INC_KERNEL_DECLARE(void rnn_row(const float* gates, float* state, int64_t count, bool relu) noexcept)
INC_KERNEL_DECLARE(void add_few_rows(const float* x, const float* w, float* y, int64_t rows, int64_t k, int64_t n,
                                     int64_t pitch) noexcept)

namespace {

template <class Row>
void each_row(int64_t batch, int64_t hidden, Row row) noexcept {
  constexpr int64_t kGrain = 1 << 12;
  parallel_for(batch, kGrain / hidden + 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) row(n);
  });
}

}  // namespace

void lstm_cell(const float* gates, float* memory, float* state, int64_t batch, int64_t hidden) noexcept {
  each_row(batch, hidden, [=](int64_t n) {
    INC_KERNEL_CALL(lstm_row, gates + 4 * n * hidden, memory + n * hidden, state + n * hidden, hidden);
  });
}

void gru_reset(const float* gates, const float* state, float* masked, int64_t batch, int64_t hidden) noexcept {
  each_row(batch, hidden, [=](int64_t n) {
    INC_KERNEL_CALL(gru_reset_row, gates + 3 * n * hidden, state + n * hidden, masked + n * hidden, hidden);
  });
}

void gru_cell(const float* gates, const float* recurrent, float* state, int64_t batch, int64_t hidden,
              bool reset_after) noexcept {
  each_row(batch, hidden, [=](int64_t n) {
    INC_KERNEL_CALL(gru_row, gates + 3 * n * hidden, recurrent + n * hidden, state + n * hidden, hidden, reset_after);
  });
}

void rnn_cell(const float* gates, float* state, int64_t count, bool relu) noexcept {
  INC_KERNEL_CALL(rnn_row, gates, state, count, relu);
}

void add_product(const float* x, const float* w, float* y, int64_t rows, int64_t k, int64_t n, int64_t pitch) noexcept {
  INC_KERNEL_CALL(add_few_rows, x, w, y, rows, k, n, pitch);
}

}  // namespace inc::kernels
