#pragma once
// How far outputs are from those of FP32: over everything, and slice by slice, where what is large does not hide what is
// small.
#include <span>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::calib {

/// Sum of squared differences over the sum of squares of what was wanted.
struct SquaredError {
  double difference = 0, square = 0;
  /// Tensors of FP32 and of one shape; others do not count.
  void add(const ir::Tensor& found, const ir::Tensor& wanted);
  /// Infinite when something is not finite; -1 when there was nothing to compare.
  double value() const;
};

/// Sums over samples of one configuration; only FP32 outputs count.
class OutputDistance {
 public:
  /// Returns the error of this sample alone, over everything.
  SquaredError add(std::span<const ir::Tensor> found, std::span<const ir::Tensor> wanted);

  double divergence() const { return total_.value(); }  ///< over everything
  /// Per output and axis but the first (the batch): mean over the axis's slices of min(1/2, difference / square), sums over
  /// everything else. So a detector's scores, small and mostly zero, count beside its boxes; and a slice that is wrong by
  /// half counts as lost, so that scores that all vanish are no better than noisy ones. -1 for an axis whose length changed.
  std::vector<double> by_axis() const;

 private:
  struct Axis {
    bool same_length = true;
    std::vector<SquaredError> slices;
  };
  std::vector<std::vector<Axis>> outputs_;
  SquaredError total_;
};

/// Whether no axis of any output is further away than before, up to 1 %.
bool no_axis_worse(const std::vector<double>& before, const std::vector<double>& after);

}  // namespace inc::calib
