#pragma once
// The vocabulary of quantization: precision, scheme, range, qparams.
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dtype.h"
#include "core/ir/graph.h"

namespace inc::quant {

enum class Precision : std::uint8_t { Int8, Bf16, Fp32 };
enum class Symmetry : std::uint8_t { Asymmetric, Symmetric };
enum class Granularity : std::uint8_t { PerTensor, PerChannel };
enum class RangeMethod : std::uint8_t { MinMax, MovingAverage, Percentile, Kl, Mse };
/// How the scale of 8-bit weights is chosen so that u8×s8 pair sums stay inside int16 on a CPU without VNNI.
/// PairBounded: scale = max(max|w| / 127, largest same-sign pair sum / 127). SevenBit: |q| ≤ 63. Full: max|w| / 127.
enum class WeightBound : std::uint8_t { PairBounded, SevenBit, Full };

/// How the data input of an INT8 anchor is evened out before it is quantized: channel c is divided by factor[c], and the
/// weights that meet it are multiplied by factor[c]. SmoothQuant: factor = max|x|^alpha / max|w|^(1 - alpha)
/// (Xiao et al., 2022). Equalize: cross-layer equalization (Nagel et al., 2019), where the producer can take the factor.
enum class Smoothing : std::uint8_t { None, SmoothQuant, Equalize };

std::string_view name_of(Precision);    ///< "int8", "bf16", "fp32"
std::string_view name_of(Symmetry);     ///< INC's words: "asym", "sym"
std::string_view name_of(Granularity);  ///< "per_tensor", "per_channel"
std::string_view name_of(RangeMethod);  ///< "minmax", "moving_average", "percentile", "kl", "mse"
std::string_view name_of(WeightBound);  ///< "pair_bounded", "7bit", "full"
std::string_view name_of(Smoothing);    ///< "none", "smooth_quant", "equalize"

/// What may be chosen for one tensor.
struct Scheme {
  DType dtype = DType::UInt8;  ///< UInt8 or Int8
  Symmetry symmetry = Symmetry::Asymmetric;
  /// Weights: along the output channels. Activations: PerChannel is for the inputs of depthwise convolutions, where each
  /// input channel meets its own weights only, so that its scale can be moved into them.
  Granularity granularity = Granularity::PerTensor;
  RangeMethod range = RangeMethod::MinMax;
  WeightBound bound = WeightBound::Full;  ///< weights only
  auto operator<=>(const Scheme&) const = default;
};
Scheme default_activation_scheme();  ///< u8 asymmetric per tensor, min-max
Scheme default_weight_scheme();      ///< s8 symmetric per channel, min-max, pair-bounded

/// What is chosen for one anchor.
struct OpConfig {
  Precision precision = Precision::Fp32;
  Scheme activation = default_activation_scheme();
  Scheme weight = default_weight_scheme();
  bool dynamic = false;  ///< INT8: the data input's range is taken from each tensor at run time (DynamicQuantizeLinear)
  Smoothing smoothing = Smoothing::None;
  float alpha = kAutomaticAlpha;  ///< SmoothQuant only: 0..1, or automatic: the one with the least predicted error
  static constexpr float kAutomaticAlpha = -1;
  auto operator<=>(const OpConfig&) const = default;
};

/// For every quantizable node of the fused graph; a node that is absent stays FP32.
struct QuantConfig {
  std::map<ir::NodeId, OpConfig> ops;
  /// Bias correction: added to the bias of INT8 anchors, one number per output channel. FP32 and BF16 anchors ignore it.
  std::map<ir::NodeId, std::vector<float>> bias_shift = {};
};

/// A real interval from calibration; lo ≤ hi.
struct Range {
  float lo = 0, hi = 0;
  auto operator<=>(const Range&) const = default;
};

/// What is known of each channel of a value along `axis`, from all calibration samples.
struct ChannelRanges {
  int axis = -1;
  std::vector<Range> range;         ///< min-max
  std::vector<double> mean_square;  ///< of x²
};

/// Ranges per (value, method), and per channel where they were observed.
struct RangeTable {
  std::map<std::pair<ir::ValueId, RangeMethod>, Range> tensor;
  std::map<ir::ValueId, ChannelRanges> channels = {};
  /// Throws InternalError when the value was not observed with that method.
  const Range& at(ir::ValueId value, RangeMethod method) const;
  bool has(ir::ValueId value, RangeMethod method) const;
};

/// real = scale[c] * (q - zero_point[c]); one entry per tensor, or one per channel along `axis`.
struct QParams {
  DType dtype = DType::UInt8;
  std::vector<float> scale;
  std::vector<std::int32_t> zero_point;
  int axis = -1;  ///< -1: per tensor
  bool operator==(const QParams&) const = default;
};

}  // namespace inc::quant
