#pragma once
// What calibration keeps of a value. Sizes do not depend on how much was observed; merging two parts gives what observing
// both gives, in whatever order, where nothing else is said. Results never depend on the number of threads.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/quant/scheme.h"

namespace inc::calib {

/// The extremes of finite elements; meaningless while there are none.
struct Extremes {
  float min = 0, max = 0;
  std::int64_t count = 0;  ///< elements seen
  std::int64_t not_finite = 0;
  bool any() const noexcept { return count > not_finite; }
  void merge(const Extremes& other) noexcept;
  bool operator==(const Extremes&) const = default;
};
Extremes extremes_of(const ir::Tensor& tensor);  ///< FP32 tensors only

/// Extremes and sum of squares of each index along one axis. Sums are taken per index of the first axis and then in the
/// order of observation, so they do not depend on the batch size, and depend on the order only by rounding (of doubles).
class ChannelStats {
 public:
  explicit ChannelStats(int axis) : axis_(axis) {}
  /// Returns the extremes of the whole tensor. Channels are given up for good when the tensor has no such axis or another
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

/// Which statistics are kept besides the extremes.
struct StatsOptions {
  int channel_axis = -1;  ///< -1: no channels
};

class Stats {
 public:
  explicit Stats(const StatsOptions& options = {});
  void observe(const ir::Tensor& tensor);  ///< FP32 tensors only
  void merge(const Stats& other);          ///< of the same options

  Extremes extremes;
  std::optional<ChannelStats> channels;
};

}  // namespace inc::calib
