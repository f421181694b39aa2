#pragma once
// The FP32 pass over the evaluation set, and what candidates are compared with: its scores sample by sample, and outputs.
#include <memory>
#include <string>
#include <vector>

#include "core/eval/evaluate.h"
#include "core/eval/sequential.h"
#include "core/search/search.h"
#include "core/tuning/criterion.h"
#include "core/tuning/divergence.h"
#include "core/tuning/space.h"

namespace inc::tuning {

struct BaselineOptions {
  config::AccuracyCriterion criterion;
  std::uint64_t seed = 0;  ///< of the order in which samples are visited
  /// Results depend on which samples share a batch (ranges taken at run time): the order of the files, and candidates are
  /// stopped only where the rest cannot change the verdict.
  bool natural_order = false;
  /// Probability that any candidate of a search is stopped although it meets the target.
  double error_probability = 0.01;
};

/// As the configuration and the options in the space want it.
BaselineOptions baseline_options(const config::Config& config, const TuningSpace& space);

class Baseline {
 public:
  /// What is known of one metric; the target holds when it holds for all of them.
  struct Part {
    double accuracy;
    Criterion criterion;
    std::vector<double> scores;  ///< in the order of data(), times weight, scaled to a mean weight of 1; or empty
    double scale;
    eval::ScoreBounds bounds;  ///< of scores
  };

  /// Evaluates FP32. All references outlive the baseline. Throws BackendError when evaluation.progress ends it.
  Baseline(const ir::Graph& fused, const runtime::Executable& fp32, const eval::Dataset& data, eval::Metric& metric,
           eval::EvalOptions evaluation, const BaselineOptions& options);

  /// The samples in the order of every evaluation.
  const eval::Dataset& data() const noexcept { return *data_; }
  eval::Metric& metric() const noexcept { return metric_; }
  const runtime::Executable& fp32() const noexcept { return fp32_; }
  const Fp32Outputs& outputs() const noexcept { return outputs_; }
  const std::vector<Part>& parts() const noexcept { return parts_; }
  const eval::Score& score() const noexcept { return score_; }
  /// What else the metric told of FP32.
  const eval::Details& details() const noexcept { return details_; }
  /// Of the first metric.
  double accuracy() const noexcept { return parts_.front().accuracy; }
  const Criterion& criterion() const noexcept { return parts_.front().criterion; }
  /// Of all metrics.
  std::string describe_target() const;
  double alpha(std::size_t trial) const noexcept;

 private:
  eval::Metric& metric_;
  const runtime::Executable& fp32_;
  std::unique_ptr<const eval::Dataset> data_;
  Fp32Outputs outputs_;
  eval::Score score_;
  std::vector<Part> parts_;
  eval::Details details_;
  double error_probability_;
};

/// Follows the evaluation of one candidate.
class Judge {
 public:
  /// `trial` counts the candidates of a search from 1.
  Judge(const Baseline& baseline, std::size_t trial);
  /// After each batch. False: the target is missed, and nothing that is still to come is wanted.
  bool goes_on();
  /// Fills accuracy and its interval, metrics, details, loss and met. `complete`: all samples were executed.
  void conclude(search::Observation& observation, bool complete) const;

 private:
  const Baseline& baseline_;
  std::vector<std::unique_ptr<eval::SequentialTest>> tests_;  ///< per metric; null where there are no scores
};

}  // namespace inc::tuning
