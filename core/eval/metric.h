#pragma once
// Metrics: fed batch by batch with model outputs and labels.
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ir/tensor.h"

namespace inc::ir {
class Graph;
}
namespace inc::runtime {
class Executable;
}

namespace inc::eval {

/// Of every sample seen, in order. Their mean is the sum of sums over the sum of weights.
struct SampleScores {
  std::vector<double> sums;     ///< score times weight
  std::vector<double> weights;  ///< depend on the data only: the same for every model
};

/// What is known of the scores of single samples.
struct ScoreBounds {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool tight = false;  ///< every score is low or high: wrong or right
};

/// Further numbers beside a metric's value, by name.
using Details = std::vector<std::pair<std::string, double>>;

/// A metric that is a monotone function of a mean over samples says so by sample_scores(); of other metrics nothing is known
/// before the last sample.
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
  /// Throws DataError when shapes or labels do not fit or a value is not finite.
  virtual void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                      std::span<const ir::Tensor> labels, std::span<const ir::Tensor> reference) = 0;
  /// The value over everything seen, whatever the order. Throws DataError when nothing was seen.
  virtual double value() const = 0;
  virtual void reset() = 0;
  /// nullptr for metrics that are no function of a mean.
  virtual const SampleScores* sample_scores() const { return nullptr; }
  /// For the samples seen so far.
  virtual ScoreBounds score_bounds() const { return {}; }
  /// The value that belongs to a mean of sample scores, and back; increasing.
  virtual double value_of(double mean) const { return mean; }
  virtual double mean_of(double value) const { return value; }
  /// Whether the metric runs the model itself, on samples of its own: then evaluate() calls run() once, and never update().
  virtual bool runs_model() const { return false; }
  virtual void run(const ir::Graph& /*graph*/, const runtime::Executable& /*executable*/) {}
  /// What else is worth showing. Throws as value() does.
  virtual Details details() const { return {}; }
  /// The metrics that must each meet the target; the first one is what is shown.
  virtual std::vector<const Metric*> parts() const { return {this}; }
};

}  // namespace inc::eval
