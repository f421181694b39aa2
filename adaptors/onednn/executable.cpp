#include "adaptors/onednn/executable.h"

#include <algorithm>

#include "adaptors/onednn/batches.h"
#include "adaptors/onednn/builder.h"
#include "adaptors/onednn/interpret.h"
#include "core/base/error.h"
#include "core/base/parallel.h"

namespace inc::onednn {
namespace {

constexpr std::size_t kMostPlans = 16;

template <class Do>
auto with_backend_errors(Do&& act) -> decltype(act()) {
  try {
    return act();
  } catch (const dnnl::error& e) {
    throw BackendError("oneDNN: " + std::string(e.what()));
  }
}

/// Nothing for a graph that is made for another batch.
std::optional<Shapes> shapes_or_nothing(const Prepared& prepared, std::span<const ir::Shape> inputs) {
  try {
    Shapes shapes = propagate(prepared, inputs);
    if (shapes.data_dependent.empty()) return shapes;
  } catch (const Error&) {
  }
  return std::nullopt;
}

}  // namespace

PlannedExecutable::PlannedExecutable(const ir::Graph& graph, std::shared_ptr<PackedWeights> weights)
    : prepared_(graph), weights_(std::move(weights)) {}

void PlannedExecutable::check_inputs(std::span<const ir::Tensor> inputs) const {
  const ir::Graph& graph = prepared_.graph();
  if (inputs.size() != graph.inputs().size())
    throw DataError("model inputs: " + std::to_string(inputs.size()) + " tensors given, " +
                    std::to_string(graph.inputs().size()) + " expected");
  std::map<std::string, std::int64_t> symbols;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ir::Value& value = graph.value(graph.inputs()[i]);
    const auto refuse = [&] {
      throw DataError("model input '" + value.name + "': " + inputs[i].type().to_string() + " given, " +
                      value.type.to_string() + " expected");
    };
    if (!inputs[i].defined() || !ir::compatible(inputs[i].type(), value.type)) refuse();
    if (!value.type.dims) continue;
    for (std::size_t d = 0; d < value.type.dims->size(); ++d) {
      const std::string& symbol = (*value.type.dims)[d].symbol;
      if (!symbol.empty() && symbols.try_emplace(symbol, inputs[i].shape()[d]).first->second != inputs[i].shape()[d])
        refuse();
    }
  }
}

std::shared_ptr<PlannedExecutable::Compiled> PlannedExecutable::compile(const Key& key) const {
  const Shapes shapes = propagate(prepared_, key.shapes);
  if (!shapes.data_dependent.empty()) return nullptr;
  Plan whole = Builder(prepared_, shapes, key.wanted, {}, *weights_).build();
  const std::int64_t batch = key.shapes.empty() || key.shapes[0].empty() ? 1 : key.shapes[0][0];
  const std::int64_t few = samples_at_a_time(batch, whole.arena_bytes, key.threads);
  auto compiled = std::make_shared<Compiled>();
  if (key.wanted.empty() && few < batch)
    compiled->stages = stages_of(whole, batch, few, static_cast<int>(key.shapes.size()),
                                 [&](std::int64_t samples) { return plan_of_part(key.shapes, shapes, samples); });
  if (compiled->stages.empty())
    compiled->stages.push_back(std::make_unique<Stage>(std::move(whole), batch));
  else
    for (const ir::ValueId output : prepared_.graph().outputs())
      compiled->results.push_back(shapes.entries.at(output).shape);
  return compiled;
}

std::optional<Plan> PlannedExecutable::plan_of_part(std::vector<ir::Shape> inputs, const Shapes& whole,
                                                    std::int64_t samples) const {
  const std::int64_t batch = inputs[0][0];
  for (ir::Shape& shape : inputs) {
    if (shape.empty() || shape[0] != batch) return std::nullopt;
    shape[0] = samples;
  }
  const auto part = shapes_or_nothing(prepared_, inputs);
  if (!part || !separable(prepared_, whole, *part, batch, samples)) return std::nullopt;
  return Builder(prepared_, *part, {}, {}, *weights_).build();
}

std::shared_ptr<PlannedExecutable::Compiled> PlannedExecutable::plan_for(std::span<const ir::Tensor> inputs,
                                                                         const runtime::TapSink& tap) const {
  Key key;
  for (const ir::Tensor& input : inputs) key.shapes.push_back(input.shape());
  if (tap) key.wanted = tap.wanted;
  key.threads = threads();
  const std::lock_guard lock(mutex_);
  if (const auto it = plans_.find(key); it != plans_.end()) {
    it->second.used = ++uses_;
    return it->second.compiled;
  }
  const std::shared_ptr<Compiled> compiled = compile(key);
  if (plans_.size() >= kMostPlans)
    plans_.erase(std::min_element(plans_.begin(), plans_.end(),
                                  [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  plans_.emplace(std::move(key), Entry{compiled, ++uses_});
  return compiled;
}

std::vector<ir::Tensor> PlannedExecutable::run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const {
  check_inputs(inputs);
  return with_backend_errors([&] {
    const std::shared_ptr<Compiled> compiled = plan_for(inputs, tap);
    if (compiled == nullptr) return interpret(prepared_, inputs, tap);
    if (!compiled->results.empty()) return run_stages(compiled->stages, inputs, compiled->results);
    Stage& stage = *compiled->stages[0];
    const Borrowed frame(stage.frames);
    frame->bind(inputs, &tap);
    for (std::size_t i = 0; i < stage.plan.steps.size(); ++i) frame->run(i);
    return frame->take_outputs();
  });
}

std::unique_ptr<const runtime::Trace> PlannedExecutable::trace(std::span<const ir::Tensor> inputs,
                                                               const std::set<ir::ValueId>& replaceable,
                                                               const runtime::TapSink& tap) const {
  check_inputs(inputs);
  return with_backend_errors([&]() -> std::unique_ptr<const runtime::Trace> {
    auto plan = traced_plan_for(inputs, replaceable, tap);
    if (plan == nullptr) return nullptr;
    return std::make_unique<PlannedTrace>(std::move(plan), inputs, tap);
  });
}

std::shared_ptr<const TracedPlan> PlannedExecutable::traced_plan_for(std::span<const ir::Tensor> inputs,
                                                                     const std::set<ir::ValueId>& replaceable,
                                                                     const runtime::TapSink& tap) const {
  Traced wanted;
  for (const ir::Tensor& input : inputs) wanted.key.shapes.push_back(input.shape());
  if (tap) wanted.key.wanted = tap.wanted;
  wanted.key.threads = threads();
  wanted.replaceable = replaceable;
  const std::lock_guard lock(mutex_);
  if (traced_.plan != nullptr && traced_.key == wanted.key && traced_.replaceable == replaceable) return traced_.plan;
  const Shapes shapes = propagate(prepared_, wanted.key.shapes);
  if (!shapes.data_dependent.empty()) return nullptr;
  wanted.plan = std::make_shared<TracedPlan>(Builder(prepared_, shapes, wanted.key.wanted, replaceable, *weights_).build());
  traced_ = std::move(wanted);
  return traced_.plan;
}

std::vector<runtime::StepProfile> PlannedExecutable::profile(std::span<const ir::Tensor> inputs, int iterations) const {
  check_inputs(inputs);
  return with_backend_errors([&] {
    const std::shared_ptr<Compiled> compiled = plan_for(inputs, {});
    if (compiled != nullptr) return profile_stages(compiled->stages, inputs, iterations);
    std::vector<runtime::StepProfile> profiles;
    interpret(prepared_, inputs, {}, &profiles);
    return profiles;
  });
}

void PlannedExecutable::rest() const {
  const std::lock_guard lock(mutex_);
  plans_.clear();
  traced_ = {};
}

std::size_t PlannedExecutable::footprint_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t most = 0;
  for (const auto& [key, entry] : plans_)
    if (entry.compiled != nullptr && key.wanted.empty())
      most = std::max(most, onednn::footprint_bytes(entry.compiled->stages));
  return most;
}

}  // namespace inc::onednn
