#include "core/eval/postprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/eval/detection.h"
#include "core/eval/metrics.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

class Postprocessed final : public Metric {
 public:
  Postprocessed(std::unique_ptr<Metric> metric, std::vector<OutputTransform> transforms)
      : metric_(std::move(metric)), transforms_(std::move(transforms)) {}
  std::string name() const override { return metric_->name(); }
  bool higher_is_better() const override { return metric_->higher_is_better(); }
  bool needs_labels() const override { return metric_->needs_labels(); }
  bool needs_reference() const override { return metric_->needs_reference(); }
  void update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs, std::span<const ir::Tensor> labels,
              std::span<const ir::Tensor> reference) override {
    const std::int64_t count = checked_batch(*metric_, outputs, inputs, labels, reference, seen_).count;
    const Predictions found = applied(outputs, labels, count);
    const Predictions wanted = reference.empty() ? Predictions{} : applied(reference, labels, count);
    metric_->update(found.outputs, inputs, found.labels, wanted.outputs);
    seen_ += count;
  }
  double value() const override { return metric_->value(); }
  void reset() override {
    metric_->reset();
    seen_ = 0;
  }
  const SampleScores* sample_scores() const override { return metric_->sample_scores(); }
  ScoreBounds score_bounds() const override { return metric_->score_bounds(); }
  double value_of(double mean) const override { return metric_->value_of(mean); }
  double mean_of(double value) const override { return metric_->mean_of(value); }
  std::vector<const Metric*> parts() const override { return metric_->parts(); }
  Details details() const override { return metric_->details(); }

 private:
  Predictions applied(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> labels, std::int64_t count) const {
    Predictions predictions{{outputs.begin(), outputs.end()}, {labels.begin(), labels.end()}, count, seen_};
    for (const OutputTransform& transform : transforms_)
      with_context([&] { return fmt::format("while applying {} to the outputs", transform.name); },
                   [&] { transform.apply(predictions); });
    return predictions;
  }

  std::unique_ptr<Metric> metric_;
  std::vector<OutputTransform> transforms_;
  std::int64_t seen_ = 0;
};

ir::Tensor shifted(const ir::Tensor& label, std::int64_t shift, std::int64_t sample) {
  if (is_truth(label)) {
    Truth truth = truth_of(label, sample);
    for (TrueBox& known : truth.boxes) known.label -= shift;
    return to_tensor(truth);
  }
  if (!label.defined() || !is_integer(label.dtype()))
    throw DataError(fmt::format("label of sample {} is no class: {} found, integers expected", sample,
                                label.defined() ? label.type().to_string() : "nothing"));
  const ir::Tensor wide = cast_to(label, DType::Int64);
  ir::Tensor out(DType::Int64, label.shape());
  std::transform(wide.data<std::int64_t>(), wide.data<std::int64_t>() + wide.count(), out.mutable_data<std::int64_t>(),
                 [&](std::int64_t v) { return v - shift; });
  return out;
}

}  // namespace

OutputTransform make_label_shift(Parameters& parameters) {
  const std::int64_t shift = parameters.integer("label_shift", 0);
  if (shift < -1000000 || shift > 1000000) parameters.refuse("label_shift", fmt::format("{}", shift), "-1000000..1000000");
  return {"LabelShift", [shift](Predictions& predictions) {
            for (std::size_t i = 0; i < predictions.labels.size(); ++i)
              predictions.labels[i] =
                  shifted(predictions.labels[i], shift, predictions.first + static_cast<std::int64_t>(i));
          }};
}

OutputTransform make_collect(Parameters& parameters) {
  const std::int64_t length = parameters.integer("length", 10833);
  if (length < 1) parameters.refuse("length", fmt::format("{}", length), "at least 1");
  return {"Collect", [](Predictions&) {}};
}

std::unique_ptr<Metric> postprocessed(std::unique_ptr<Metric> metric, std::vector<OutputTransform> transforms) {
  if (transforms.empty()) return metric;
  return std::make_unique<Postprocessed>(std::move(metric), std::move(transforms));
}

}  // namespace inc::eval
