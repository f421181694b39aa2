#pragma once
// Channel factors: channel c of an anchor's data input is divided by factor[c] before it is quantized per tensor, and the
// weights that meet it are multiplied by factor[c].
#include <map>
#include <vector>

#include "core/quant/input_channels.h"
#include "core/quant/scheme.h"

namespace inc::quant {

/// Factors are 1 at most; smaller ones than this help nobody.
constexpr double kLeastFactor = 0x1p-20;

/// INT8 anchors that read one value and are served by one Mul, QuantizeLinear and DequantizeLinear.
struct FactorGroup {
  ir::ValueId value;
  std::vector<ir::NodeId> anchors;
  std::vector<float> factor;  ///< one per channel, kLeastFactor..1; empty: not needed
  ir::Shape broadcast;        ///< of the factors over the value
  QParams qparams;            ///< of value / factor; unset where there are no factors
};

/// The factors of every anchor that wants some, by granularity or by smoothing, in topological order:
///   activations per channel (depthwise): every channel gets its own step, all around one zero point (per_channel_steps)
///   SmoothQuant: factor = max|x|^alpha / max|w|^(1 - alpha), max|w| over all INT8 anchors that read the value with the same
///     configuration. Automatic: alpha of 0.1 … 0.9, or no factors, by the least predicted error (predict.h) of them all.
///   Equalize: factor = sqrt(max|w of the producer's output c| / max|w of its readers' input c|); the producer's weights are
///     those after its own factors. No factors where takes_factors() says no.
/// The interval of a channel is what was observed, narrowed to the range of the scheme's method.
/// Throws InternalError when ranges or channels were not observed, ModelError when they are not finite.
std::vector<FactorGroup> choose_factors(const ir::Graph& fused, const QuantConfig& config, const RangeTable& ranges);

/// What was observed of the value along the axis. Throws InternalError when it was not.
const ChannelRanges& channels_at(const ir::Graph& graph, ir::ValueId value, int axis, const RangeTable& ranges);

/// Steps per channel around a common zero point z: step_c = max(hi_c / (largest - z), -lo_c / (z - smallest)). Of all z the
/// one with the least Σ step_c² energy_c, where energy_c = Σ w² over the weights that meet channel c. Non-negative inputs
/// use all 255 steps. A channel that was constant zero takes the largest step, so that it cannot clip sooner than others.
struct ChannelSteps {
  std::vector<float> factor;  ///< step_c / largest step
  QParams qparams;            ///< of the quotient
};
ChannelSteps per_channel_steps(const std::vector<Range>& intervals, const std::vector<double>& energy, const Scheme& scheme);

/// max|x_c|^alpha / max|w_c|^(1 - alpha), scaled so that the largest is 1. Channels that are always zero count as the widest
/// ones, weights that are all zero as the smallest ones.
std::vector<float> smoothing_factors(const std::vector<double>& largest_x, const std::vector<double>& largest_w,
                                     float alpha);

}  // namespace inc::quant
