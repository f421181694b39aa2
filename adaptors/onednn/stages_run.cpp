// Running stages: frames of all of them, and what is handed on between them.
#include <algorithm>
#include <chrono>
#include <map>

#include "adaptors/onednn/stages.h"

namespace inc::onednn {
namespace {

/// So many samples of a batch, in place.
ir::Tensor part_of(const ir::Tensor& whole, std::int64_t samples, std::int64_t first) {
  ir::Shape shape = whole.shape();
  const std::size_t sample = whole.bytes() / static_cast<std::size_t>(shape[0]);
  shape[0] = samples;
  return ir::Tensor(whole.dtype(), shape, whole.raw() + static_cast<std::size_t>(first) * sample,
                    std::make_shared<const ir::Tensor>(whole));
}

std::vector<ir::Tensor> parts_of(std::span<const ir::Tensor> all, std::int64_t samples, std::int64_t first) {
  std::vector<ir::Tensor> parts;
  for (const ir::Tensor& whole : all) parts.push_back(part_of(whole, samples, first));
  return parts;
}

/// Frames of all stages, and what is handed on between them.
class Run {
 public:
  Run(const Stages& stages, std::span<const ir::Tensor> inputs)
      : stages_(stages), inputs_(inputs), batch_(inputs.empty() || inputs[0].rank() == 0 ? 1 : inputs[0].shape()[0]) {
    for (const auto& stage : stages) frames_.push_back(std::make_unique<Borrowed>(stage->frames));
    for (std::size_t k = 0; k + 1 < stages.size(); ++k) {
      const Plan& plan = stages[k]->plan;
      const auto bytes = static_cast<std::int64_t>(plan.root(plan.outputs[0]).bytes) / stages[k]->samples;
      handed_.push_back(whole(k, 0, DType::UInt8, {stages[k + 1]->samples, bytes}));
    }
  }
  ir::Tensor whole(std::size_t k, std::size_t output, DType dtype, const ir::Shape& shape) {
    const auto bytes = static_cast<std::size_t>(ir::element_count(shape)) * size_of(dtype);
    auto storage = frame(k).whole_result(output, bytes);
    return ir::Tensor(dtype, shape, storage.get(), storage);
  }
  std::int64_t batch() const { return batch_; }
  Frame& frame(std::size_t k) { return *frames_[k]->operator->(); }
  /// Inputs and outputs of a stage that begins with the sample `first`.
  void bind(std::size_t k, std::int64_t first, std::span<const ir::Tensor> outputs) {
    const std::int64_t samples = stages_[k]->samples;
    std::vector<ir::Tensor> inputs =
        samples == batch_ ? std::vector(inputs_.begin(), inputs_.end()) : parts_of(inputs_, samples, first);
    if (k > 0) inputs.push_back(handed_[k - 1]);
    frame(k).bind(inputs, nullptr, outputs);
  }
  /// The stage, after those before it, for its samples from `first` on.
  void run(std::size_t k, std::int64_t first, std::span<const ir::Tensor> outputs) {
    const Stage& stage = *stages_[k];
    if (k > 0) {
      const std::int64_t samples = stages_[k - 1]->samples;
      for (std::int64_t n = 0; n < stage.samples; n += samples)
        run(k - 1, first + n, std::vector{part_of(handed_[k - 1], samples, n)});
    }
    bind(k, first, outputs);
    for (std::size_t i = 0; i < stage.plan.steps.size(); ++i) frame(k).run(i);
    frame(k).take_outputs();
  }

 private:
  const Stages& stages_;
  std::span<const ir::Tensor> inputs_;
  const std::int64_t batch_;
  std::vector<std::unique_ptr<Borrowed>> frames_;
  std::vector<ir::Tensor> handed_;
};

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<ir::Tensor> run_stages(const Stages& stages, std::span<const ir::Tensor> inputs,
                                   std::span<const ir::Shape> results) {
  Run run(stages, inputs);
  const std::size_t last = stages.size() - 1;
  const Stage& stage = *stages[last];
  std::vector<ir::Tensor> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Slot& made = stage.plan.slots[static_cast<std::size_t>(stage.plan.outputs[i])];
    outputs.push_back(run.whole(last, i, made.dtype, results[i]));
  }
  for (std::int64_t first = 0; first < run.batch(); first += stage.samples)
    run.run(last, first, parts_of(outputs, stage.samples, first));
  return outputs;
}

std::vector<runtime::StepProfile> profile_stages(const Stages& stages, std::span<const ir::Tensor> inputs, int iterations) {
  Run run(stages, inputs);
  std::vector<std::vector<double>> times;
  for (int iteration = -1; iteration < iterations; ++iteration) {
    std::size_t at = 0;
    for (std::size_t k = 0; k < stages.size(); ++k) {
      run.bind(k, 0, {});
      for (std::size_t i = 0; i < stages[k]->plan.steps.size(); ++i, ++at) {
        const auto start = std::chrono::steady_clock::now();
        run.frame(k).run(i);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        if (iteration < 0)
          times.emplace_back();
        else
          times[at].push_back(took.count());
      }
      run.frame(k).take_outputs();
    }
  }
  std::vector<runtime::StepProfile> profiles;
  for (const auto& stage : stages) {
    const std::int64_t runs = stage->samples > 0 ? run.batch() / stage->samples : 1;
    for (const Step& step : stage->plan.steps) {
      profiles.push_back(step.profile);
      profiles.back().milliseconds = median(times[profiles.size() - 1]) * static_cast<double>(runs);
      profiles.back().macs *= runs;
    }
  }
  return profiles;
}

std::size_t footprint_bytes(const Stages& stages) {
  std::map<const void*, std::size_t> constants;
  std::size_t sum = 0;
  for (std::size_t k = 0; k < stages.size(); ++k) {
    const Plan& plan = stages[k]->plan;
    sum += plan.arena_bytes;
    if (k + 1 < stages.size())
      sum += plan.root(plan.outputs[0]).bytes * static_cast<std::size_t>(stages[k + 1]->samples / stages[k]->samples);
    for (const Step& step : plan.steps)
      for (const int slot : step.reads)
        if (const Slot& root = plan.root(slot); root.kind == Slot::Kind::Constant)
          constants[root.constant] = std::max(constants[root.constant], root.bytes);
  }
  for (const auto& [data, bytes] : constants) sum += bytes;
  return sum;
}

}  // namespace inc::onednn
