#pragma once
// What INT8 is expected to cost an anchor, from statistics alone.
#include <span>
#include <vector>

#include "core/quant/input_channels.h"
#include "core/quant/scheme.h"

namespace inc::quant {

/// Mean squares per output position, summed over the output channels; rounding errors are taken as uniform and independent:
///   activation: step_x² / 12 · Σ_oc (w_oc f_c)²      weight: Σ_o step_wo² / 12 · Σ_c E[x_c²] / f_c²
///   signal:     Σ_oc w_oc² E[x_c²], as if the channels were independent
/// where c also runs over the taps of a convolution. Clipping is not seen; the bound on pairs of weights counts as
/// a step 1.25 times as wide.
struct PredictedError {
  double activation = 0, weight = 0, signal = 0;
  double total() const noexcept { return activation + weight; }
};

/// The formulas above for one anchor.
class ErrorModel {
 public:
  /// `mean_square`: of every input channel. Throws InternalError when that is another number of channels.
  ErrorModel(const ir::Graph& graph, const ir::Node& anchor, const Scheme& weight, std::vector<double> mean_square);

  const InputChannels& channels() const noexcept { return channels_; }
  const std::vector<double>& energy() const noexcept { return energy_; }           ///< Σ w² over what meets channel c
  const std::vector<double>& largest_weight() const noexcept { return largest_; }  ///< max|w| likewise
  /// `factor`: one per channel, or empty for ones; `step`: of the quotient x / factor.
  PredictedError at(std::span<const float> factor, double step) const;

 private:
  std::vector<float> largest_per_output(std::span<const float> factor) const;

  InputChannels channels_;
  Scheme scheme_;
  std::vector<double> mean_square_, energy_, largest_;
  std::vector<float> magnitude_;  ///< [rows, columns]: max|w| over what else the weight has
};

/// Of one anchor alone: smoothing is chosen as if it were the only reader of its input. Dynamic is predicted as static.
/// Throws InternalError when the ranges or the channels of its input were not observed, ConfigError where accepts() says no.
PredictedError predict_error(const ir::Graph& fused, const ir::Node& anchor, const OpConfig& config,
                             const RangeTable& ranges);

}  // namespace inc::quant
