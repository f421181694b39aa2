#include "core/eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/base/error.h"

namespace inc::eval {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Drops the rows that only fill up a fixed batch.
void keep_rows(std::vector<ir::Tensor>& tensors, std::int64_t rows, std::int64_t kept) {
  for (auto& tensor : tensors) {
    if (tensor.rank() == 0 || tensor.shape()[0] != rows)
      throw DataError(fmt::format("cannot use a partial batch of {} samples: output {} found, a first axis of {} expected",
                                  kept, tensor.type().to_string(), rows));
    ir::Shape shape = tensor.shape();
    shape[0] = kept;
    tensor = ir::Tensor(tensor.dtype(), shape, tensor.raw(), std::make_shared<ir::Tensor>(tensor));
  }
}

std::string samples_of(const Dataset& data, const Batch& batch) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < batch.count; ++i) all.push_back(data.number(batch.first + i));
  return fmt::format("samples {} of {}", fmt::join(all, ", "), data.describe());
}

void require_usable(const Dataset& data, const Metric& metric, const runtime::Executable* fp32) {
  INC_CHECK(fp32 != nullptr || !metric.needs_reference(), "the FP32 model is given to a metric that compares with it");
  if (metric.needs_labels() && !data.labelled())
    throw DataError(fmt::format("metric {} cannot be computed: no labels found in {}, a label per sample expected",
                                metric.name(), data.describe()));
}

}  // namespace

Score evaluate(const ir::Graph& graph, const runtime::Executable& executable, const Dataset& data, Metric& metric,
               const EvalOptions& options, const runtime::Executable* fp32) {
  require_usable(data, metric, fp32);
  const auto start = Clock::now();
  const std::int64_t total = options.samples < 0 ? data.size() : std::min(options.samples, data.size());
  const std::int64_t batch_size = usable_batch_size(graph, options.batch_size);
  metric.reset();
  Score score;
  while (score.samples < total && score.complete) {
    const std::int64_t count = std::min(batch_size, total - score.samples);
    Batch batch = load_batch(graph, data, score.samples, count);
    const auto model_start = Clock::now();
    std::vector<ir::Tensor> outputs = executable.run(batch.inputs);
    score.model_seconds += seconds_since(model_start);
    const std::int64_t rows = batch.inputs.empty() || batch.inputs[0].rank() == 0 ? count : batch.inputs[0].shape()[0];
    const auto* known = options.reference && metric.needs_reference() ? options.reference(score.samples) : nullptr;
    std::vector<ir::Tensor> reference;
    if (known != nullptr)
      reference = *known;
    else if (metric.needs_reference() && fp32 != &executable)
      reference = fp32->run(batch.inputs);
    if (rows != count) {
      keep_rows(outputs, rows, count);
      keep_rows(batch.inputs, rows, count);
      if (known == nullptr) keep_rows(reference, rows, count);
    }
    if (metric.needs_reference() && fp32 == &executable) reference = outputs;
    if (options.on_outputs) options.on_outputs(score.samples, outputs);
    with_context([&] { return fmt::format("while scoring {}", samples_of(data, batch)); },
                 [&] { metric.update(outputs, batch.inputs, batch.labels, reference); });
    score.samples += count;
    if (options.progress && !options.progress(score.samples, total)) score.complete = score.samples == total;
  }
  score.value = metric.value();
  if (const SampleScores* scores = metric.sample_scores()) score.sample_scores = *scores;
  score.seconds = seconds_since(start);
  return score;
}

}  // namespace inc::eval
