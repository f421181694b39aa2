#pragma once
// The metrics, one maker per name; factory.cpp lists them. Samples of a batch are the first axis of the model's inputs; an
// output is split evenly among them. Values are fractions (0.9156), not per cent.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/eval/metric.h"
#include "core/eval/parameters.h"

namespace inc::eval {

std::unique_ptr<Metric> make_topk(Parameters&);
std::unique_ptr<Metric> make_accuracy(Parameters&);
std::unique_ptr<Metric> make_f1(Parameters&);
std::unique_ptr<Metric> make_mse(Parameters&);
std::unique_ptr<Metric> make_rmse(Parameters&);
std::unique_ptr<Metric> make_mae(Parameters&);
std::unique_ptr<Metric> make_loss(Parameters&);
std::unique_ptr<Metric> make_nll(Parameters&);
std::unique_ptr<Metric> make_perplexity(Parameters&);
std::unique_ptr<Metric> make_agreement(Parameters&);
std::unique_ptr<Metric> make_matthews();
/// What GLUE's tasks are scored by: F1 of class 1, the mean of Pearson's and Spearman's correlation, Matthews', accuracy.
std::unique_ptr<Metric> make_glue(Parameters&);
std::unique_ptr<Metric> make_roc(Parameters&);
std::unique_ptr<Metric> make_miou(Parameters&);
std::unique_ptr<Metric> make_map(Parameters&);
std::unique_ptr<Metric> make_coco_map(Parameters&);
std::unique_ptr<Metric> make_coco_map_v2(Parameters&);
std::unique_ptr<Metric> make_voc_map(Parameters&);

/// What update() is given, with its checks.
struct MetricBatch {
  std::span<const ir::Tensor> outputs, inputs, labels, reference;
  std::int64_t first = 0;  ///< samples seen before this batch
  std::int64_t count = 0;

  /// Output `index` as float, finite, split evenly among the samples; throws DataError naming the sample.
  ir::Tensor output(std::size_t index) const;
  /// The same of the FP32 model, of equal shape.
  ir::Tensor reference_output(std::size_t index) const;
  /// A label of one element, as an integer in [0, classes).
  std::int64_t class_label(std::int64_t sample, std::int64_t classes) const;
  /// A label of `elements` elements as float.
  ir::Tensor value_label(std::int64_t sample, std::int64_t elements) const;
};

/// The position of the largest value; the lowest of several.
std::int64_t argmax(std::span<const float> values) noexcept;

/// A metric that is a function of the weighted mean of per-sample scores.
class MeanMetric : public Metric {
 public:
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) final;
  double value() const final;
  void reset() final;
  const SampleScores* sample_scores() const final { return &scores_; }

 protected:
  /// Calls add() once per sample.
  virtual void score(const MetricBatch& batch) = 0;
  /// The sum of a sample's `weight` scores.
  void add(double sum, double weight = 1.0);

 private:
  SampleScores scores_;
};

/// Samples of the batch; throws DataError unless labels (where needed) and the outputs fit.
MetricBatch checked_batch(const Metric& metric, std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                          std::span<const ir::Tensor> labels, std::span<const ir::Tensor> reference, std::int64_t first);

}  // namespace inc::eval
