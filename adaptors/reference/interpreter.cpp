#include "adaptors/reference/interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "adaptors/reference/trace.h"
#include "core/ops/ops.h"

namespace inc::reference {
namespace {

class Values {
 public:
  explicit Values(const ir::Graph& graph) : graph_(graph) {}
  ir::Tensor get(ir::ValueId id) const {
    if (id.none()) return {};
    if (const auto* constant = graph_.constant(id)) return *constant;
    const auto it = live_.find(id.v);
    INC_CHECK(it != live_.end(), "a value is computed before it is used");
    return it->second;
  }
  void set(ir::ValueId id, ir::Tensor tensor) { live_.insert_or_assign(id.v, std::move(tensor)); }
  void drop(ir::ValueId id) { live_.erase(id.v); }

 private:
  const ir::Graph& graph_;
  std::unordered_map<std::uint32_t, ir::Tensor> live_;
};

std::string_view precision_of(const ir::Graph& graph, const ir::Node& node) {
  if (!node.outputs.empty() && graph.value(node.outputs[0]).type.dtype == DType::BFloat16) return "bf16";
  const auto* producer = node.inputs.empty() || node.inputs[0].none() ? nullptr : graph.producer(node.inputs[0]);
  return producer != nullptr && producer->op == "DequantizeLinear" ? "int8" : "fp32";
}

}  // namespace

Interpreter::Interpreter(const ir::Graph& graph) : graph_(graph) {
  for (const auto id : graph_.topological_order()) steps_.push_back({id, {}});
  std::unordered_map<std::uint32_t, std::size_t> last;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto& node = graph_.node(steps_[i].node);
    for (const auto value : node.outputs)
      if (!value.none()) last[value.v] = i;
    for (const auto value : node.inputs)
      if (!value.none() && graph_.constant(value) == nullptr) last[value.v] = i;
  }
  for (const auto& [value, step] : last)
    if (!graph_.is_output(ir::ValueId{value})) steps_[step].last_uses.push_back(ir::ValueId{value});
}

void Interpreter::check_inputs(std::span<const ir::Tensor> inputs) const {
  if (inputs.size() != graph_.inputs().size())
    throw DataError(fmt::format("{} input tensors found, expected {}", inputs.size(), graph_.inputs().size()));
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& value = graph_.value(graph_.inputs()[i]);
    const auto refuse = [&] {
      throw DataError(fmt::format("input '{}' does not fit: {} found, expected {}", value.name, inputs[i].type().to_string(),
                                  value.type.to_string()));
    };
    if (!inputs[i].defined() || !ir::compatible(inputs[i].type(), value.type)) refuse();
    if (!value.type.dims) continue;
    for (std::size_t d = 0; d < value.type.dims->size(); ++d) {
      const auto& symbol = (*value.type.dims)[d].symbol;
      if (!symbol.empty() && symbols.emplace(symbol, inputs[i].shape()[d]).first->second != inputs[i].shape()[d]) refuse();
    }
  }
}

std::vector<ir::Tensor> Interpreter::execute(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap,
                                             const OnStep& on_step) const {
  using Clock = std::chrono::steady_clock;
  check_inputs(inputs);
  Values values(graph_);
  const auto deliver = [&](ir::ValueId id, const ir::Tensor& tensor) {
    if (tap && tap.wanted.contains(id)) tap.on_value(id, tensor);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.set(graph_.inputs()[i], inputs[i]);
    deliver(graph_.inputs()[i], inputs[i]);
  }
  for (const auto id : tap.wanted)
    if (const auto* constant = graph_.constant(id)) deliver(id, *constant);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto& node = graph_.node(steps_[i].node);
    std::vector<ir::Tensor> arguments;
    for (const auto id : node.inputs) arguments.push_back(values.get(id));
    const auto begin = Clock::now();
    auto results = ops::evaluate(node, arguments, graph_.opset);
    if (on_step) on_step(i, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (node.outputs[k].none()) continue;
      deliver(node.outputs[k], results[k]);
      values.set(node.outputs[k], std::move(results[k]));
    }
    for (const auto id : steps_[i].last_uses) values.drop(id);
  }
  std::vector<ir::Tensor> outputs;
  for (const auto id : graph_.outputs()) outputs.push_back(values.get(id));
  return outputs;
}

std::vector<ir::Tensor> Interpreter::run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const {
  return execute(inputs, tap, {});
}

std::unique_ptr<const runtime::Trace> Interpreter::trace(std::span<const ir::Tensor> inputs,
                                                         const std::set<ir::ValueId>& replaceable,
                                                         const runtime::TapSink& tap) const {
  std::map<ir::ValueId, ir::Tensor> values;
  runtime::TapSink all;
  for (const auto& step : steps_)
    for (const auto id : graph_.node(step.node).outputs)
      if (!id.none()) all.wanted.insert(id);
  all.wanted.insert(graph_.inputs().begin(), graph_.inputs().end());
  all.wanted.insert(tap.wanted.begin(), tap.wanted.end());
  all.on_value = [&](ir::ValueId id, const ir::Tensor& tensor) {
    values.emplace(id, tensor);
    if (tap && tap.wanted.contains(id)) tap.on_value(id, tensor);
  };
  auto outputs = execute(inputs, all, {});
  std::vector<ir::NodeId> order;
  for (const auto& step : steps_) order.push_back(step.node);
  return std::make_unique<KeptValues>(graph_, std::move(order), replaceable, std::move(values), std::move(outputs));
}

std::vector<runtime::StepProfile> Interpreter::profile(std::span<const ir::Tensor> inputs, int iterations) const {
  std::vector<runtime::StepProfile> steps;
  for (const auto& step : steps_) {
    const auto& node = graph_.node(step.node);
    runtime::StepProfile entry;
    entry.node = node.id;
    entry.name = node.name;
    entry.op_type = ops::reported_type(node);
    entry.precision = precision_of(graph_, node);
    entry.kernel = fmt::format("reference:{}:scalar", entry.op_type);
    entry.isa = "scalar";
    entry.emulated = entry.precision != "fp32";
    if (entry.emulated) entry.note = "the oracle computes with exact scalar definitions";
    steps.push_back(std::move(entry));
  }
  const int rounds = std::max(1, iterations);
  for (int i = 0; i < rounds; ++i)
    execute(inputs, {}, [&](std::size_t step, double milliseconds) { steps[step].milliseconds += milliseconds / rounds; });
  return steps;
}

}  // namespace inc::reference
