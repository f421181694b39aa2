#pragma once
// Metrics: fed batch by batch with model outputs and labels.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::eval {

class Metric {
 public:
  virtual ~Metric() = default;
  virtual std::string name() const = 0;
  virtual bool higher_is_better() const { return true; }
  /// Whether labels are needed; agreement metrics compare with reference outputs instead.
  virtual bool needs_labels() const { return true; }
  /// Whether the metric compares with the FP32 model's outputs, passed as `reference`.
  virtual bool needs_reference() const { return false; }
  /// One batch: the graph's outputs, its inputs (for metrics that take labels from them), one label per sample.
  /// Appends one score per sample to `scores` when the metric is a mean of such scores.
  /// Throws DataError when shapes or labels do not fit or a value is not finite.
  virtual void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                      std::span<const ir::Tensor> labels, std::span<const ir::Tensor> reference) = 0;
  /// The value over everything seen. Throws DataError when nothing was seen.
  virtual double value() const = 0;
  virtual void reset() = 0;
  /// Per-sample scores whose mean is value(); empty for metrics that are not such means.
  virtual std::span<const double> sample_scores() const { return {}; }
};

}  // namespace inc::eval
