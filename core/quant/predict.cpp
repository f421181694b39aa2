#include "core/quant/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/ops/ops.h"
#include "core/quant/accepts.h"
#include "core/quant/factors.h"
#include "core/quant/quantize.h"

namespace inc::quant {
namespace {

/// Levels of a weight on each side of zero; bounding pairs widens the steps of real models by 1.1 to 1.5.
double levels_of(WeightBound bound) {
  constexpr double kPairGrowth = 1.25;
  return bound == WeightBound::SevenBit ? 63 : bound == WeightBound::PairBounded ? 127 / kPairGrowth : 127;
}

InputChannels known_channels(const ir::Graph& graph, const ir::Node& anchor) {
  const auto channels = input_channels(graph, anchor);
  if (!channels) throw InternalError(fmt::format("node '{}': its weight has no input channels", anchor.name));
  return *channels;
}

}  // namespace

ErrorModel::ErrorModel(const ir::Graph& graph, const ir::Node& anchor, const Scheme& weight, std::vector<double> mean_square)
    : channels_(known_channels(graph, anchor)),
      scheme_(weight),
      mean_square_(std::move(mean_square)),
      energy_(static_cast<std::size_t>(channels_.count), 0.0),
      largest_(energy_),
      magnitude_(static_cast<std::size_t>(channels_.rows * channels_.columns), 0.0f) {
  INC_CHECK(mean_square_.size() == energy_.size(), "one mean square per input channel");
  const ir::Tensor held = graph.constant(anchor.input(static_cast<std::size_t>(ops::info(anchor.op).weight_input)))->at_hand();
  const float* w = held.data<float>();
  const std::int64_t block = channels_.rows * channels_.columns;
  float* m = magnitude_.data();
  if (!channels_.rows_are_outputs && channels_.outer == 1 && channels_.taps == 1) {
    for (std::size_t c = 0; c < energy_.size(); ++c, w += channels_.columns, m += channels_.columns) {
      double energy = 0;
      float largest = 0;
#pragma omp simd reduction(+ : energy) reduction(max : largest)
      for (std::int64_t i = 0; i < channels_.columns; ++i) {
        m[i] = std::fabs(w[i]);
        energy += static_cast<double>(w[i]) * static_cast<double>(w[i]);
        largest = m[i] > largest ? m[i] : largest;
      }
      energy_[c] = energy;
      largest_[c] = static_cast<double>(largest);
    }
    return;
  }
  for (std::int64_t r = 0, i = 0; r < channels_.rows; ++r)
    for (std::int64_t column = 0; column < channels_.columns; ++column, ++i, ++m) {
      const auto c =
          static_cast<std::size_t>(channels_.rows_are_outputs ? r / channels_.group_rows * channels_.columns + column : r);
      for (std::int64_t b = 0; b < channels_.outer; ++b)
        for (std::int64_t t = 0; t < channels_.taps; ++t) {
          const float value = w[(b * block + i) * channels_.taps + t];
          energy_[c] += static_cast<double>(value) * static_cast<double>(value);
          *m = std::max(*m, std::fabs(value));
        }
      largest_[c] = std::max(largest_[c], static_cast<double>(*m));
    }
}

std::vector<float> ErrorModel::largest_per_output(std::span<const float> factor) const {
  const auto rows = static_cast<std::size_t>(channels_.rows), columns = static_cast<std::size_t>(channels_.columns);
  std::vector<float> largest(static_cast<std::size_t>(channels_.outputs()), 0.0f);
  const std::vector<float> ones(factor.empty() ? energy_.size() : 0, 1.0f);
  const float *f = factor.empty() ? ones.data() : factor.data(), *m = magnitude_.data();
  for (std::size_t r = 0; r < rows; ++r, m += columns) {
    if (channels_.rows_are_outputs) {
      const float* own = f + r / static_cast<std::size_t>(channels_.group_rows) * columns;
      float most = 0;
#pragma omp simd reduction(max : most)
      for (std::size_t i = 0; i < columns; ++i) most = m[i] * own[i] > most ? m[i] * own[i] : most;
      largest[r] = most;
    } else {
      float* out = largest.data();
#pragma omp simd
      for (std::size_t i = 0; i < columns; ++i) out[i] = m[i] * f[r] > out[i] ? m[i] * f[r] : out[i];
    }
  }
  if (scheme_.granularity == Granularity::PerTensor && !largest.empty())
    std::fill(largest.begin(), largest.end(), *std::max_element(largest.begin(), largest.end()));
  return largest;
}

PredictedError ErrorModel::at(std::span<const float> factor, double step) const {
  PredictedError error;
  std::vector<double> seen(mean_square_);  // E[x²] / f², and then its sums over the groups of channels an output sees
  for (std::size_t c = 0; c < seen.size(); ++c) {
    const double f = factor.empty() ? 1.0 : static_cast<double>(factor[c]);
    error.activation += energy_[c] * f * f;
    error.signal += energy_[c] * seen[c];
    seen[c] /= f * f;
  }
  error.activation *= step * step / 12;
  const std::size_t groups =
      channels_.rows_are_outputs ? static_cast<std::size_t>(channels_.rows / channels_.group_rows) : 1;
  const std::size_t per_group = seen.size() / groups;
  std::vector<double> power;
  for (auto first = seen.begin(); power.size() < groups; first += static_cast<std::ptrdiff_t>(per_group))
    power.push_back(std::accumulate(first, first + static_cast<std::ptrdiff_t>(per_group), 0.0));
  const auto largest = largest_per_output(factor);
  const double levels = levels_of(scheme_.bound);
  for (std::size_t o = 0; o < largest.size(); ++o) {
    const double step_w = static_cast<double>(largest[o]) / levels;
    error.weight += step_w * step_w / 12 * power[o * groups / largest.size()] * static_cast<double>(channels_.taps);
  }
  return error;
}

PredictedError predict_error(const ir::Graph& fused, const ir::Node& anchor, const OpConfig& config,
                             const RangeTable& ranges) {
  if (const Support s = accepts(fused, anchor, config); !s)
    throw ConfigError(fmt::format("node '{}' cannot be INT8: {}", anchor.name, s.why_not()));
  const InputChannels channels = known_channels(fused, anchor);
  const ErrorModel model(fused, anchor, config.weight,
                         channels_at(fused, anchor.input(0), channels.axis, ranges).mean_square);
  QuantConfig alone;
  alone.ops.emplace(anchor.id, config);
  const auto groups = choose_factors(fused, alone, ranges);
  if (!groups.empty() && !groups[0].factor.empty())
    return model.at(groups[0].factor, static_cast<double>(groups[0].qparams.scale[0]));
  const QParams qparams = qparams_from_range(ranges.at(anchor.input(0), config.activation.range), config.activation);
  return model.at({}, static_cast<double>(qparams.scale[0]));
}

}  // namespace inc::quant
