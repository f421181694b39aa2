#pragma once
// Evaluation: one free function for all adaptors.
#include <functional>
#include <vector>

#include "core/base/ranks.h"
#include "core/eval/dataset.h"
#include "core/eval/metric.h"
#include "core/runtime/adaptor.h"

namespace inc::eval {

struct EvalOptions {
  std::int64_t batch_size = 1;
  std::int64_t samples = -1;  ///< -1: all
  /// Called after each batch with samples done and total; returning false ends the evaluation early (Score::complete).
  /// For a metric that runs the model itself: before each of its runs, with a total of 0.
  std::function<bool(std::int64_t, std::int64_t)> progress = {};
  /// Called with the graph's outputs for samples [first, first + count) of the data set.
  std::function<void(std::int64_t first, std::span<const ir::Tensor> outputs)> on_outputs = {};
  /// FP32's outputs for the batch that begins with that sample, or nullptr: then they are computed where they are needed.
  std::function<const std::vector<ir::Tensor>*(std::int64_t first)> reference = {};
  /// Share the batches out; all get the same score as one process would. The functions above are called in all ranks, for
  /// every batch in order; of what progress returns, rank 0's counts. A metric that needs labels or a reference sees only the
  /// shapes of floating-point inputs then: reading their values is an InternalError.
  const Ranks* ranks = &alone();
};

struct Score {
  double value = 0;  ///< NaN where an evaluation that ended early has none
  std::int64_t samples = 0;
  double seconds = 0;        ///< wall, everything
  double model_seconds = 0;  ///< wall, inside Executable::run only
  bool complete = true;
  SampleScores sample_scores;  ///< empty for metrics that are no function of a mean
};

/// `fp32` is needed only by metrics that compare with the FP32 model. A metric that runs the model itself does so; of the
/// options only `progress` counts then, and Score::samples are those it has run.
Score evaluate(const ir::Graph& graph, const runtime::Executable& executable, const Dataset& data, Metric& metric,
               const EvalOptions& options, const runtime::Executable* fp32 = nullptr);

}  // namespace inc::eval
