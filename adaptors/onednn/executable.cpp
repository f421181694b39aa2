#include "adaptors/onednn/executable.h"

#include <algorithm>
#include <chrono>

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

/// Samples of the n-th of equal parts of the batch, in place.
std::vector<ir::Tensor> nth_part(std::span<const ir::Tensor> inputs, std::int64_t parts, std::int64_t n) {
  std::vector<ir::Tensor> few;
  for (const ir::Tensor& input : inputs) {
    ir::Shape shape = input.shape();
    shape[0] /= parts;
    const std::size_t bytes = input.bytes() / static_cast<std::size_t>(parts);
    few.emplace_back(input.dtype(), shape, input.raw() + static_cast<std::size_t>(n) * bytes,
                     std::make_shared<const ir::Tensor>(input));
  }
  return few;
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

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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
  auto whole = std::make_shared<Compiled>(Builder(prepared_, shapes, key.wanted, {}, *weights_).build());
  const std::int64_t batch = key.shapes.empty() || key.shapes[0].empty() ? 1 : key.shapes[0][0];
  const std::int64_t few = samples_at_a_time(batch, whole->plan.arena_bytes, key.threads);
  if (!key.wanted.empty() || few >= batch) return whole;
  std::vector<ir::Shape> part_shapes = key.shapes;
  for (ir::Shape& shape : part_shapes) {
    if (shape.empty() || shape[0] != batch) return whole;
    shape[0] = few;
  }
  const auto part_of = shapes_or_nothing(prepared_, part_shapes);
  if (!part_of || !separable(prepared_, shapes, *part_of, batch, few)) return whole;
  auto part = std::make_shared<Compiled>(Builder(prepared_, *part_of, {}, {}, *weights_).build());
  part->parts = batch / few;
  for (const ir::ValueId output : prepared_.graph().outputs()) part->results.push_back(shapes.entries.at(output).shape);
  return part;
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
    if (compiled->parts > 1) return run_parts(*compiled, inputs);
    const Borrowed frame(compiled->frames);
    frame->bind(inputs, &tap);
    for (std::size_t i = 0; i < compiled->plan.steps.size(); ++i) frame->run(i);
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

std::vector<ir::Tensor> PlannedExecutable::run_parts(Compiled& compiled, std::span<const ir::Tensor> inputs) const {
  const Borrowed frame(compiled.frames);
  std::vector<std::shared_ptr<std::byte>> results;
  std::vector<ir::Tensor> outputs;
  for (std::int64_t part = 0; part < compiled.parts; ++part) {
    frame->bind(nth_part(inputs, compiled.parts, part), nullptr);
    for (std::size_t i = 0; i < compiled.plan.steps.size(); ++i) frame->run(i);
    const auto made = frame->take_outputs();
    for (std::size_t i = 0; i < made.size(); ++i) {
      const std::size_t bytes = made[i].bytes();
      if (part == 0) {
        results.push_back(frame->whole_result(i, bytes * static_cast<std::size_t>(compiled.parts)));
        outputs.emplace_back(made[i].dtype(), compiled.results[i], results[i].get(), results[i]);
      }
      std::copy_n(made[i].raw(), bytes, results[i].get() + static_cast<std::size_t>(part) * bytes);
    }
  }
  return outputs;
}

std::vector<runtime::StepProfile> PlannedExecutable::profile(std::span<const ir::Tensor> inputs, int iterations) const {
  check_inputs(inputs);
  return with_backend_errors([&] {
    std::vector<runtime::StepProfile> profiles;
    const std::shared_ptr<Compiled> compiled = plan_for(inputs, {});
    if (compiled == nullptr) {
      interpret(prepared_, inputs, {}, &profiles);
      return profiles;
    }
    const Borrowed frame(compiled->frames);
    for (const Step& step : compiled->plan.steps) profiles.push_back(step.profile);
    std::vector<std::vector<double>> times(profiles.size(), std::vector<double>(static_cast<std::size_t>(iterations)));
    const auto part = compiled->parts > 1 ? nth_part(inputs, compiled->parts, 0) : std::vector(inputs.begin(), inputs.end());
    for (int iteration = -1; iteration < iterations; ++iteration) {
      frame->bind(part, nullptr);
      for (std::size_t i = 0; i < profiles.size(); ++i) {
        const auto start = std::chrono::steady_clock::now();
        frame->run(i);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        if (iteration >= 0) times[i][static_cast<std::size_t>(iteration)] = took.count();
      }
    }
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      profiles[i].milliseconds = median(times[i]) * static_cast<double>(compiled->parts);
      profiles[i].macs *= compiled->parts;
    }
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
      most = std::max(most, entry.compiled->plan.arena_bytes + entry.compiled->plan.constant_bytes());
  return most;
}

}  // namespace inc::onednn
