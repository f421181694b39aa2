#include "app/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/tuning/candidate.h"

namespace inc::app {
namespace {

using Clock = std::chrono::steady_clock;

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

ir::Graph converted(const ir::Graph& fused, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs,
                    const std::string& precisions) {
  tuning::SpaceOptions options;
  options.int8 = names(precisions, "int8");
  options.bf16 = names(precisions, "bf16");
  const auto executable = adaptor.prepare(fused);
  const auto space = tuning::build_space(fused, adaptor, options);
  quant::RangeTable ranges;
  if (space.needs_ranges()) ranges = calib::calibrate(fused, *executable, std::span(&inputs, 1));
  return tuning::CandidateBuilder(fused, ranges, space, adaptor, *executable).build(space.shape.fastest()).graph;
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

BenchmarkResult benchmark(const ir::Graph& graph, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs,
                          const BenchmarkOptions& options) {
  const bool convert = !options.precision.empty() && options.precision != "fp32" && precision_of(graph) == "fp32";
  const ir::Graph executed = convert ? converted(graph, adaptor, inputs, options.precision) : graph;
  const auto executable = adaptor.prepare(executed);
  BenchmarkResult result{precision_of(executed), inputs.empty() || inputs[0].rank() == 0 ? 1 : inputs[0].shape()[0], {}, {}};
  for (std::int64_t i = 0; i < options.warmup; ++i) executable->run(inputs);
  const auto start = Clock::now();
  for (std::int64_t i = 0; options.iterations < 0 || i < options.iterations; ++i) {
    const auto before = Clock::now();
    executable->run(inputs);
    const auto after = Clock::now();
    result.milliseconds.push_back(1e3 * std::chrono::duration<double>(after - before).count());
    if (options.iterations < 0 && i >= 9 && std::chrono::duration<double>(after - start).count() > options.seconds) break;
  }
  if (options.profile) result.steps = executable->profile(inputs, 10);
  return result;
}

}  // namespace inc::app
