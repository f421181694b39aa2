#include "app/inc.h"

#include <fmt/format.h>

#include "core/eval/evaluate.h"
#include "core/eval/metric_outside.h"
#include "core/pipeline/work.h"

namespace inc {
namespace {

class InMemory final : public Dataset {
 public:
  explicit InMemory(std::vector<Sample> all) : all_(std::move(all)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(all_.size()); }
  Sample get(std::int64_t index) const override { return all_.at(static_cast<std::size_t>(index)); }
  bool labelled() const override { return !all_.empty() && all_.front().label.defined(); }
  std::string describe() const override { return fmt::format("{} samples in memory", all_.size()); }

 private:
  std::vector<Sample> all_;
};

/// For a metric that runs the model itself.
Data unread() {
  return samples(std::vector<Sample>(1));
}

std::shared_ptr<Metric> metric_of(const Judge& judge) {
  if (!judge.eval_func) return judge.metric;
  return eval::make_outside_metric(
      "eval_func", judge.higher_is_better, [call = judge.eval_func](const ir::Graph& graph, const runtime::Executable& e) {
        return call(Session(graph, std::shared_ptr<const runtime::Executable>(std::shared_ptr<const void>(), &e)));
      });
}

std::unique_ptr<const runtime::Adaptor> adaptor_of(const Judge& judge) {
  return judge.outside_engine ? app::make_adaptor(*judge.outside_engine) : app::make_adaptor(judge.engine);
}

/// The configuration names the file; bytes are supplied.
pipeline::Supplied supplied_by(const Model& model, Config& config) {
  pipeline::Supplied supplied;
  supplied.model = model.bytes();
  if (!supplied.model) config.model.path = (std::filesystem::current_path() / model.file()).string();
  return supplied;
}

QuantizeResult run(Config config, pipeline::Supplied supplied, const QuantizeOptions& options) {
  if (!config.quantization && !config.mixed_precision) config.quantization.emplace();
  if (options.strategy) config.tuning.strategy.name = options.strategy_name;
  supplied.calibration = options.calibration;
  supplied.evaluation = options.evaluation;
  supplied.metric = metric_of(options);
  supplied.strategy = options.strategy;
  pipeline::QuantizeOptions how;
  how.output = options.output;
  how.resume = options.resume;
  how.progress = options.progress;
  how.on_trial = options.on_trial;
  how.should_stop = options.should_stop;
  how.machine = app::machine();
  how.supplied = std::move(supplied);
  QuantizeResult result{pipeline::quantize(config, *adaptor_of(options), how), {}};
  result.model = result.report.directory / pipeline::kModel;
  return result;
}

}  // namespace

Model Model::from_bytes(std::string bytes) {
  Model model{std::filesystem::path()};
  model.bytes_ = std::make_shared<const std::string>(std::move(bytes));
  return model;
}

Data samples(std::vector<Sample> all, std::int64_t batch_size) {
  return {std::make_shared<InMemory>(std::move(all)), batch_size};
}

Data samples(const std::vector<Tensor>& inputs, const std::vector<Tensor>& labels, std::int64_t batch_size) {
  if (!labels.empty() && labels.size() != inputs.size())
    throw DataError(fmt::format("{} labels found, {} expected: one for each sample", labels.size(), inputs.size()));
  std::vector<Sample> all;
  for (std::size_t i = 0; i < inputs.size(); ++i) all.push_back({{inputs[i]}, labels.empty() ? Tensor() : labels[i]});
  return samples(std::move(all), batch_size);
}

QuantizeResult quantize(const Model& model, Config config, const QuantizeOptions& options) {
  pipeline::Supplied supplied = supplied_by(model, config);
  return run(std::move(config), std::move(supplied), options);
}

QuantizeResult quantize(const Config& config, const QuantizeOptions& options) {
  return run(config, {}, options);
}

EvaluateResult evaluate(const Model& model, const Config& config, const Judge& judge) {
  Config used = config;
  pipeline::Supplied supplied = supplied_by(model, used);
  supplied.evaluation = judge.evaluation;
  supplied.metric = metric_of(judge);
  if (!supplied.evaluation && supplied.metric && supplied.metric->runs_model()) supplied.evaluation = unread();
  pipeline::LoadedModel loaded = pipeline::load_model(used, supplied);
  pipeline::follow_bf16_plan(loaded);
  const auto task = pipeline::accuracy_task(used, supplied);
  if (!task) throw ConfigError("nothing to evaluate: an eval_func, a metric with data, or evaluation.accuracy expected");
  const auto adaptor = adaptor_of(judge);
  const auto executable = adaptor->prepare(loaded.fused);
  const eval::EvalOptions how{task->batch_size, task->samples,
                              [&](std::int64_t, std::int64_t) { return !judge.should_stop || !judge.should_stop(); }};
  const eval::Score score = eval::evaluate(loaded.fused, *executable, *task->data, *task->metric, how, executable.get());
  return {task->metric->name(), score.value, score.samples, score.seconds, score.model_seconds};
}

std::vector<BenchmarkResult> benchmark(const Model& model, const std::vector<std::string>& precisions,
                                       const BenchmarkOptions& options, const std::string& engine) {
  Config config;
  const pipeline::Supplied supplied = supplied_by(model, config);
  pipeline::LoadedModel loaded = pipeline::load_model(config, supplied);
  pipeline::follow_bf16_plan(loaded);
  const auto adaptor = app::make_adaptor(engine);
  const std::vector<Tensor> inputs = app::random_inputs(loaded.fused, options);
  std::vector<app::Variant> variants;
  for (const std::string& precision : precisions)
    variants.push_back(app::in_precision(loaded.fused, *adaptor, inputs, precision));
  const double batch = inputs.empty() || inputs.front().rank() == 0 ? 1.0 : static_cast<double>(inputs.front().shape()[0]);
  std::vector<BenchmarkResult> results;
  for (app::VariantResult& found : app::benchmark(variants, *adaptor, inputs, options)) {
    const app::Summary latency = app::summarize(found.milliseconds);
    results.push_back({found.label, found.precision, latency, 1e3 * batch / latency.mean, std::move(found.steps)});
  }
  return results;
}

}  // namespace inc
