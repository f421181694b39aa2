#pragma once
// What calibration keeps of a value. Sizes do not depend on how much was observed; merging two parts gives what observing
// both gives, in whatever order, where nothing else is said. Results never depend on the number of threads.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/calib/extremes.h"
#include "core/calib/histogram.h"
#include "core/quant/scheme.h"

namespace inc::calib {

/// Extremes and sum of squares of each index along one axis. Sums are taken per index of the first axis and then in the
/// order of observation, so they do not depend on the batch size, and depend on the order only by rounding (of doubles).
class ChannelStats {
 public:
  explicit ChannelStats(int axis) : axis_(axis) {}
  /// Returns the extremes of the tensor. Channels are given up for good when the tensor has no such axis or another
  /// number of channels than those before it.
  Extremes observe(const ir::Tensor& tensor);
  void merge(const ChannelStats& other);
  /// Nothing when nothing was observed, when channels were given up, or when an element was not finite.
  std::optional<quant::ChannelRanges> ranges() const;

 private:
  struct Channel {
    float min, max;
    double square_sum;
  };
  bool fits(const ir::Tensor& tensor);

  int axis_;
  bool given_up_ = false;
  std::int64_t per_channel_ = 0;
  std::vector<Channel> channels_;
};

/// Averages of the extremes of batches: plain while that gives a batch more weight than `constant`, else exponential.
class ExtremesAverage {
 public:
  explicit ExtremesAverage(double constant) : constant_(constant) {}
  void observe(const Extremes& batch) noexcept;
  /// `other` is what came after. Weighted by batches, which equals observing both while the averages are plain.
  void merge(const ExtremesAverage& other) noexcept;
  quant::Range range() const noexcept { return {static_cast<float>(min_), static_cast<float>(max_)}; }

 private:
  double constant_, min_ = 0, max_ = 0;
  std::int64_t batches_ = 0;
};

/// Which statistics are kept besides the extremes.
struct StatsOptions {
  int channel_axis = -1;  ///< -1: no channels
  bool histogram = false;
  double averaging_constant = 0;  ///< 0: no average
};

class Stats {
 public:
  explicit Stats(const StatsOptions& options = {});
  void observe(const ir::Tensor& tensor);  ///< FP32 tensors only. One that is not finite changes the extremes only.
  void merge(const Stats& other);          ///< of the same options

  Extremes extremes;
  std::optional<Histogram> histogram;
  std::optional<ExtremesAverage> average;
  std::optional<ChannelStats> channels;
};

}  // namespace inc::calib
