#include "app/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "core/quant/placement.h"
#include "core/tuning/space.h"

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

ir::Graph quantized(const ir::Graph& fused, const runtime::Adaptor& adaptor, const std::vector<ir::Tensor>& inputs) {
  const auto executable = adaptor.prepare(fused);
  const quant::RangeTable ranges = calib::calibrate(fused, *executable, std::span(&inputs, 1));
  const auto space = tuning::build_space(fused, adaptor, {});
  quant::WeightCache weights;
  return quant::insert_qdq(fused, space.decode(space.shape.fastest()), ranges, weights);
}

std::string precision_of(const ir::Graph& graph) {
  const auto nodes = graph.nodes();
  const bool any =
      std::any_of(nodes.begin(), nodes.end(), [&](ir::NodeId id) { return graph.node(id).op == "QuantizeLinear"; });
  return any ? "int8" : "fp32";
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
  const bool convert = options.precision == "int8" && precision_of(graph) == "fp32";
  const ir::Graph executed = convert ? quantized(graph, adaptor, inputs) : graph;
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
