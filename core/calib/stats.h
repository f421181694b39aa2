#pragma once
// What calibration keeps of a value. Sizes do not depend on how much was observed, where nothing else is said; merging two
// parts, the earlier first, gives what observing both gives, to the last bit. Results never depend on the number of threads.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/calib/extremes.h"
#include "core/calib/histogram.h"
#include "core/quant/scheme.h"

namespace inc::calib {

/// Extremes and sum of squares of each index along one axis. Sums are taken per index of the first axis, then in twice the
/// precision of doubles, and means are rounded to kMeanBits: they depend neither on the batch size nor on order and parts.
class ChannelStats {
 public:
  static constexpr int kMeanBits = 44;
  explicit ChannelStats(int axis) : axis_(axis) {}
  /// Returns the extremes of the tensor. Channels are given up for good when the tensor has no such axis or another
  /// number of channels than those before it.
  Extremes observe(const ir::Tensor& tensor);
  void merge(const ChannelStats& other);
  /// Nothing when nothing was observed, when channels were given up, or when an element was not finite.
  std::optional<quant::ChannelRanges> ranges() const;
  template <class Archive>
  void pass(Archive& archive) {
    archive(axis_, given_up_, per_channel_, channels_);
  }

 private:
  /// A sum and what rounding took from it: the error of each addition, found exactly (Knuth's TwoSum), is added up apart.
  struct Sum {
    double high = 0, low = 0;
    void add(double x) noexcept {
      const double sum = high + x, part = sum - high;
      low += (high - (sum - part)) + (x - part);
      high = sum;
    }
  };
  struct Channel {
    float min, max;
    Sum squares;
  };
  bool fits(const ir::Tensor& tensor);

  int axis_;
  bool given_up_ = false;
  std::int64_t per_channel_ = 0;
  std::vector<Channel> channels_;
};

/// Averages of the extremes of batches: plain while that gives a batch more weight than `constant`, else exponential. The
/// order counts, so those of every batch are kept.
class ExtremesAverage {
 public:
  explicit ExtremesAverage(double constant) : constant_(constant) {}
  void observe(const Extremes& batch);
  /// `other` is what came after.
  void merge(const ExtremesAverage& other);
  quant::Range range() const noexcept;
  template <class Archive>
  void pass(Archive& archive) {
    archive(constant_, batches_);
  }

 private:
  double constant_;
  std::vector<quant::Range> batches_;
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
  void merge(const Stats& other);          ///< of the same options, and of what came after
  template <class Archive>
  void pass(Archive& archive) {
    archive(extremes, histogram, average, channels);
  }

  Extremes extremes;
  std::optional<Histogram> histogram;
  std::optional<ExtremesAverage> average;
  std::optional<ChannelStats> channels;
};

}  // namespace inc::calib
