#pragma once
// How the channels of an anchor's data input meet its weights.
#include <cstdint>
#include <optional>
#include <span>

#include "core/ir/graph.h"

namespace inc::quant {

/// Convolutions: axis 1 of the data, and within a group the second axis of the weight. MatMul and Gemm: the axis that is
/// summed over.
struct InputChannels {
  std::int64_t count = 0;
  int axis = -1;        ///< of the data input, counted from the front; -1 where its rank is unknown
  ir::Shape broadcast;  ///< one number per channel in this shape broadcasts over the data

  /// The weight as [outer, rows, columns, taps], row-major.
  std::int64_t outer = 1, rows = 1, columns = 1, taps = 1;
  bool rows_are_outputs = true;  ///< otherwise the rows are the input channels
  std::int64_t group_rows = 0;   ///< rows per group of a convolution: channel = row / group_rows * columns + column
  std::int64_t outputs() const noexcept { return rows_are_outputs ? rows : columns; }
};

/// Of an anchor that is quantizable(). nullopt where the weight has a shape that the operator does not define.
std::optional<InputChannels> input_channels(const ir::Graph& graph, const ir::Node& anchor);

/// A grouped convolution with one input channel per group: each input channel meets its own weights only.
bool is_depthwise(const ir::Graph& graph, const ir::Node& anchor);

/// Calls fn(channel, output, flat index) for every weight, in order.
template <class Fn>
void for_each_weight(const InputChannels& c, Fn&& fn) {
  std::int64_t flat = 0;
  for (std::int64_t b = 0; b < c.outer; ++b)
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const std::int64_t first = c.rows_are_outputs ? r / c.group_rows * c.columns : r;
      for (std::int64_t i = 0; i < c.columns; ++i) {
        const std::int64_t channel = c.rows_are_outputs ? first + i : r, output = c.rows_are_outputs ? r : i;
        for (std::int64_t t = 0; t < c.taps; ++t) fn(channel, output, flat++);
      }
    }
}

/// The weight with everything that meets channel c multiplied by factor[c].
ir::Tensor scale_inputs(const ir::Tensor& weight, const InputChannels& channels, std::span<const float> factor);

}  // namespace inc::quant
