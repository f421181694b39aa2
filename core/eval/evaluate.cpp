#include "core/eval/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "core/eval/executed.h"
#include "core/eval/observed.h"

namespace inc::eval {
namespace {

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

double value_so_far(const Metric& metric) {
  try {
    return metric.value();
  } catch (const DataError&) {
    return std::numeric_limits<double>::quiet_NaN();
  }
}

Score evaluate_outside(const ir::Graph& graph, const runtime::Executable& executable, Metric& metric,
                       const EvalOptions& options) {
  const auto goes_on = [&](std::int64_t done) { return !options.progress || options.progress(done, 0); };
  const ObservedExecutable observed(executable, goes_on);
  const Stopwatch watch;
  Score score;
  metric.reset();
  try {
    metric.run(graph, observed);
    score.value = metric.value();
  } catch (const std::exception&) {
    if (!observed.ended()) throw;
  }
  score.complete = !observed.ended();
  score.samples = observed.samples();
  score.model_seconds = observed.seconds();
  score.seconds = watch.seconds();
  return score;
}

}  // namespace

Score evaluate(const ir::Graph& graph, const runtime::Executable& executable, const Dataset& data, Metric& metric,
               const EvalOptions& options, const runtime::Executable* fp32) {
  if (metric.runs_model()) return evaluate_outside(graph, executable, metric, options);
  require_usable(data, metric, fp32);
  const Stopwatch watch;
  const std::int64_t total = options.samples < 0 ? data.size() : std::min(options.samples, data.size());
  const bool compares = metric.needs_reference(), with_itself = fp32 == &executable;
  const bool scores_inputs = !metric.needs_labels() && !compares;
  Batches batches({graph, executable, data, options, compares && !with_itself ? fp32 : nullptr, total, scores_inputs});
  metric.reset();
  Score score;
  while (score.samples < total && score.complete) {
    const Executed done = batches.next();
    const std::vector<ir::Tensor>* known = compares && options.reference ? options.reference(score.samples)
                                           : compares && with_itself     ? &done.outputs
                                                                         : nullptr;
    score.model_seconds += done.model_seconds;
    if (options.on_outputs) options.on_outputs(score.samples, done.outputs);
    with_context(
        [&] { return fmt::format("while scoring {}", samples_of(data, done.batch)); },
        [&] { metric.update(done.outputs, done.batch.inputs, done.batch.labels, known ? *known : done.reference); });
    score.samples += done.batch.count;
    if (options.progress && !options.ranks->agree(options.progress(score.samples, total)))
      score.complete = score.samples == total;
  }
  score.value = score.complete ? metric.value() : value_so_far(metric);
  if (const SampleScores* scores = metric.sample_scores()) score.sample_scores = *scores;
  score.seconds = watch.seconds();
  return score;
}

}  // namespace inc::eval
