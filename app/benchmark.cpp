#include "app/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/tuning/candidate.h"
#include "core/tuning/latency.h"

namespace inc::app {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kLeastRounds = 10;
constexpr int kProfiledRuns = 10;

ir::Shape shape_for(const ir::Graph& graph, ir::ValueId id, const BenchmarkOptions& options) {
  const ir::Value& value = graph.value(id);
  if (const auto given = options.shapes.find(value.name); given != options.shapes.end()) return given->second;
  if (!value.type.dims)
    throw ConfigError(fmt::format("input '{}' has no known rank: give --shape {}=…", value.name, value.name));
  ir::Shape shape;
  for (std::size_t i = 0; i < value.type.dims->size(); ++i) {
    const ir::Dim& dim = (*value.type.dims)[i];
    if (!dim.known() && i > 0)
      throw ConfigError(
          fmt::format("input '{}' is {}: give --shape {}=1x…", value.name, value.type.to_string(), value.name));
    shape.push_back(dim.known() ? dim.value : options.batch);
  }
  return shape;
}

template <class T>
T random_value(Rng& rng) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
    return static_cast<T>(rng.uniform());
  else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>)
    return T(static_cast<float>(rng.uniform()));
  else
    return static_cast<T>(rng.below(2));
}

bool names(const std::string& precisions, std::string_view one) {
  return precisions.find(one) != std::string::npos;
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

std::vector<ir::Tensor> random_inputs(const ir::Graph& graph, const BenchmarkOptions& options) {
  std::vector<ir::Tensor> inputs;
  Rng rng(1);
  for (const ir::ValueId id : graph.inputs()) {
    ir::Tensor tensor(graph.value(id).type.dtype, shape_for(graph, id, options));
    visit_dtype(tensor.dtype(), [&](auto tag) {
      using T = decltype(tag);
      std::generate_n(tensor.mutable_data<T>(), tensor.count(), [&] { return random_value<T>(rng); });
    });
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

std::vector<ir::Tensor> real_inputs(const ir::Graph& graph, const eval::Dataset& data, std::int64_t batch) {
  const std::int64_t count = eval::usable_batch_size(graph, batch);
  if (data.size() < count)
    throw DataError(fmt::format("{}: a batch of {} wanted, {} samples found", data.describe(), count, data.size()));
  return eval::load_batch(graph, data, 0, count).inputs;
}

std::string precision_of(const ir::Graph& graph) {
  bool int8 = false, bf16 = false;
  for (const ir::NodeId id : graph.nodes()) {
    const ir::Node& node = graph.node(id);
    int8 = int8 || node.op == "QuantizeLinear" || node.op == "DynamicQuantizeLinear";
    bf16 = bf16 || std::any_of(node.outputs.begin(), node.outputs.end(),
                               [&](ir::ValueId output) { return graph.value(output).type.dtype == DType::BFloat16; });
  }
  if (int8) return bf16 ? "int8+bf16" : "int8";
  return bf16 ? "bf16" : "fp32";
}

Variant in_precision(const ir::Graph& fused, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs,
                     const std::string& precision) {
  const std::string present = precision_of(fused);
  if (present == precision || precision.empty()) return {present, fused, fused};
  if (present != "fp32") throw ConfigError(fmt::format("--precision {}: the model is {} already", precision, present));
  tuning::SpaceOptions options;
  options.int8 = names(precision, "int8");
  options.attentions = tuning::Attentions::Wide;
  options.bf16 = names(precision, "bf16");
  const auto executable = adaptor.prepare(fused);
  const auto space = tuning::build_space(fused, adaptor, options);
  quant::RangeTable ranges;
  calib::CalibrationOptions calibration;
  calibration.attentions = space.attentions;
  if (space.needs_ranges()) ranges = calib::calibrate(fused, *executable, std::span(&inputs, 1), calibration);
  tuning::Candidate made = tuning::CandidateBuilder(fused, ranges, space, adaptor, *executable).build(space.shape.fastest());
  return {precision, std::move(made.graph), std::move(made.without_bf16)};
}

Contender::Contender(const Variant& variant, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs)
    : label_(variant.label), precision_(precision_of(variant.graph)), inputs_(inputs) {
  const auto start = Clock::now();
  executable_ = adaptor.prepare(variant.graph);
  executable_->run(inputs_);
  first_ms_ = milliseconds_since(start);
}

void Contender::warm_up(std::int64_t runs) const {
  for (std::int64_t i = 0; i < runs; ++i) executable_->run(inputs_);
}

double Contender::run() const {
  const auto start = Clock::now();
  executable_->run(inputs_);
  return milliseconds_since(start);
}

std::vector<double> Contender::run_for(double seconds, std::int64_t runs) const {
  std::vector<double> milliseconds;
  const auto start = Clock::now();
  while (runs < 0 ? milliseconds.empty() || milliseconds_since(start) < 1e3 * seconds
                  : static_cast<std::int64_t>(milliseconds.size()) < runs)
    milliseconds.push_back(run());
  return milliseconds;
}

VariantResult Contender::result(std::vector<double> milliseconds, bool profile) const {
  VariantResult result;
  result.label = label_;
  result.precision = precision_;
  result.milliseconds = std::move(milliseconds);
  result.rounds = result.milliseconds;
  result.prepare_ms = std::max(0.0, first_ms_ - tuning::percentile(result.milliseconds, 0.5));
  result.steps = executable_->profile(inputs_, profile ? kProfiledRuns : 0);
  for (const auto& step : result.steps) result.macs += step.macs;
  if (!profile) result.steps.clear();
  return result;
}

std::vector<VariantResult> benchmark(const std::vector<Variant>& variants, const runtime::Adaptor& adaptor,
                                     const std::vector<ir::Tensor>& inputs, const BenchmarkOptions& options) {
  std::vector<Contender> contenders;
  for (const Variant& variant : variants) contenders.emplace_back(variant, adaptor, inputs);
  for (const Contender& contender : contenders) contender.warm_up(options.warmup);
  std::vector<std::vector<double>> times(contenders.size());
  const double seconds = options.seconds * static_cast<double>(contenders.size());
  const auto start = Clock::now();
  for (std::int64_t round = 0; options.iterations < 0 || round < options.iterations; ++round) {
    if (options.iterations < 0 && round >= kLeastRounds && milliseconds_since(start) > 1e3 * seconds) break;
    for (std::size_t i = 0; i < contenders.size(); ++i) times[i].push_back(contenders[i].run());
  }
  std::vector<VariantResult> results;
  for (std::size_t i = 0; i < contenders.size(); ++i)
    results.push_back(contenders[i].result(std::move(times[i]), options.profile));
  return results;
}

}  // namespace inc::app
