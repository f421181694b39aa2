#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/eval/metrics.h"
#include "core/eval/transforms.h"

namespace inc::eval {
namespace {

ir::Tensor finite_floats(const ir::Tensor& raw, const MetricBatch& batch, std::string_view what) {
  const ir::Tensor tensor = cast_to(raw, DType::Float);
  if (tensor.count() == 0 || tensor.count() % batch.count != 0)
    throw DataError(fmt::format("cannot score {}: {} found, a multiple of {} samples expected", what, raw.type().to_string(),
                                batch.count));
  const auto values = tensor.values<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return tensor;
  const std::int64_t at = bad - values.begin(), step = tensor.count() / batch.count;
  throw DataError(fmt::format("{} of sample {} is not finite: {} found at element {}, finite values expected", what,
                              batch.first + at / step, *bad, at % step));
}

}  // namespace

ir::Tensor MetricBatch::output(std::size_t index) const {
  return finite_floats(outputs[index], *this, "output");
}

ir::Tensor MetricBatch::reference_output(std::size_t index) const {
  if (index >= reference.size() || reference[index].shape() != outputs[index].shape())
    throw DataError(fmt::format("cannot compare with the FP32 model: output {} is {} there, {} expected", index,
                                index < reference.size() ? reference[index].type().to_string() : "missing",
                                outputs[index].type().to_string()));
  return finite_floats(reference[index], *this, "FP32 output");
}

std::int64_t MetricBatch::class_label(std::int64_t sample, std::int64_t classes) const {
  const ir::Tensor& label = labels[static_cast<std::size_t>(sample)];
  if (label.count() != 1)
    throw DataError(fmt::format("label of sample {} has the wrong form: {} found, one class number expected", first + sample,
                                label.type().to_string()));
  const ir::Tensor number = cast_to(label, DType::Double);
  const double value = number.data<double>()[0];
  if (!(value >= 0 && value < static_cast<double>(classes)) || value != std::floor(value))
    throw DataError(
        fmt::format("label of sample {} is not a class: {} found, 0..{} expected", first + sample, value, classes - 1));
  return static_cast<std::int64_t>(value);
}

ir::Tensor MetricBatch::value_label(std::int64_t sample, std::int64_t elements) const {
  const ir::Tensor& label = labels[static_cast<std::size_t>(sample)];
  if (label.count() != elements)
    throw DataError(fmt::format("label of sample {} has the wrong form: {} elements found, {} expected as in the output",
                                first + sample, label.count(), elements));
  return cast_to(label, DType::Float);
}

std::int64_t argmax(std::span<const float> values) noexcept {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

MetricBatch checked_batch(const Metric& metric, std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                          std::span<const ir::Tensor> labels, std::span<const ir::Tensor> reference, std::int64_t first) {
  MetricBatch batch{outputs, inputs, labels, reference, first, 0};
  if (outputs.empty())
    throw DataError(fmt::format("metric {} cannot be computed: no outputs found, one expected", metric.name()));
  const ir::Tensor& counted = inputs.empty() ? outputs.front() : inputs.front();
  batch.count = counted.rank() == 0 ? 1 : counted.shape()[0];
  if (batch.count < 1) throw DataError(fmt::format("metric {} cannot be computed: an empty batch found", metric.name()));
  if (metric.needs_labels() && static_cast<std::int64_t>(labels.size()) != batch.count)
    throw DataError(fmt::format("metric {} needs labels: {} found for samples {} to {}, {} expected", metric.name(),
                                labels.size(), first, first + batch.count - 1, batch.count));
  return batch;
}

void MeanMetric::update(std::span<const ir::Tensor> outputs, std::span<const ir::Tensor> inputs,
                        std::span<const ir::Tensor> labels, std::span<const ir::Tensor> reference) {
  score(checked_batch(*this, outputs, inputs, labels, reference, static_cast<std::int64_t>(scores_.sums.size())));
}

void MeanMetric::add(double sum, double weight) {
  scores_.sums.push_back(sum);
  scores_.weights.push_back(weight);
}

double MeanMetric::value() const {
  const double weight = std::accumulate(scores_.weights.begin(), scores_.weights.end(), 0.0);
  if (!(weight > 0)) throw DataError(fmt::format("metric {} has no value: no samples seen, at least one expected", name()));
  std::vector<double> sums = scores_.sums;
  std::sort(sums.begin(), sums.end());
  return value_of(std::accumulate(sums.begin(), sums.end(), 0.0) / weight);
}

void MeanMetric::reset() {
  scores_ = {};
}

}  // namespace inc::eval
