#include "adaptors/onednn/stages.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "adaptors/onednn/batches.h"
#include "core/base/parallel.h"

namespace inc::onednn {
namespace {

constexpr std::size_t kMostStages = 3;
constexpr std::size_t kWorth = std::size_t{4} << 20;

const Slot& root_of(const Plan& plan, int slot) {
  return plan.slots[static_cast<std::size_t>(plan.slots[static_cast<std::size_t>(slot)].root)];
}

/// Bytes of intermediate values that exist during each step.
std::vector<std::size_t> live_bytes(const Plan& plan) {
  std::vector<std::size_t> live(plan.steps.size());
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const Slot& s = plan.slots[i];
    if (s.kind != Slot::Kind::Arena || s.root != static_cast<int>(i) || s.first < 0) continue;
    for (int step = s.first; step <= s.last; ++step) live[static_cast<std::size_t>(step)] += s.bytes;
  }
  return live;
}

/// What each step reads of constants.
std::vector<std::size_t> weight_bytes(const Plan& plan) {
  std::vector<std::size_t> bytes(plan.steps.size());
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    for (const int slot : plan.steps[i].reads)
      if (const Slot& root = root_of(plan, slot); root.kind == Slot::Kind::Constant) bytes[i] += root.bytes;
  return bytes;
}

/// The one value that exists before the step and is read by it or later; nothing where several do or a result is begun.
std::optional<int> handed_on(const Plan& plan, std::size_t step) {
  std::optional<int> found;
  const int at = static_cast<int>(step);
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const Slot& s = plan.slots[i];
    if (s.root != static_cast<int>(i) || s.first < 0 || s.first >= at) continue;
    if (s.kind == Slot::Kind::Output) return std::nullopt;
    if (s.kind != Slot::Kind::Arena || s.last < at) continue;
    if (found) return std::nullopt;
    found = static_cast<int>(i);
  }
  return found;
}

/// The first axis is the outermost in memory, and nothing lies between its parts.
bool by_first_axis(const Slot& s) {
  if (s.shape.empty() || s.shape[0] < 1) return false;
  const std::int64_t elements = ir::element_count(s.shape);
  if (s.bytes != static_cast<std::size_t>(elements) * size_of(s.dtype)) return false;
  if (s.desc.is_zero() || s.shape[0] == 1) return s.desc.is_zero() || is_dense(s.desc);
  return is_dense(s.desc) && s.desc.get_strides()[0] == elements / s.shape[0];
}

/// The same but for the number of samples.
bool same_layout(const Slot& a, std::int64_t samples_of_a, const Slot& b, std::int64_t samples_of_b) {
  if (!by_first_axis(a) || !by_first_axis(b) || a.dtype != b.dtype || a.desc.is_zero() != b.desc.is_zero()) return false;
  const auto rest = [](const auto& dims) { return std::vector(dims.begin() + 1, dims.end()); };
  if (a.shape[0] * samples_of_b != b.shape[0] * samples_of_a || rest(a.shape) != rest(b.shape)) return false;
  return a.desc.is_zero() ||
         (rest(a.desc.get_strides()) == rest(b.desc.get_strides()) && a.desc.get_inner_blks() == b.desc.get_inner_blks() &&
          a.desc.get_inner_idxs() == b.desc.get_inner_idxs());
}

std::set<ir::NodeId> nodes_from(const Plan& plan, std::size_t step) {
  std::set<ir::NodeId> nodes;
  for (std::size_t i = step; i < plan.steps.size(); ++i) nodes.insert(plan.steps[i].profile.node);
  return nodes;
}

/// A plan of all steps, for so many samples.
struct Complete {
  Plan plan;
  std::int64_t samples;
};

/// The step of `c` where as much is left to do as from `step` on in `other`, for the same value handed on.
std::optional<std::size_t> same_cut(const Complete& c, const Plan& other, std::int64_t batch, std::size_t step) {
  const std::vector<Step>& steps = c.plan.steps;
  const auto wanted = handed_on(other, step);
  const auto nodes = nodes_from(other, step);
  for (std::size_t i = 1; wanted && i < steps.size(); ++i) {
    if (steps[i].profile.node != other.steps[step].profile.node) continue;
    if (steps[i - 1].profile.node != other.steps[step - 1].profile.node) continue;
    const auto found = handed_on(c.plan, i);
    if (found && same_layout(root_of(c.plan, *found), c.samples, root_of(other, *wanted), batch) &&
        nodes_from(c.plan, i) == nodes)
      return i;
  }
  return std::nullopt;
}

/// The steps [from, to) alone.
Plan between(Plan plan, std::size_t from, std::size_t to, int graph_inputs) {
  const auto in = from > 0 ? handed_on(plan, from) : std::nullopt;
  const auto out = to < plan.steps.size() ? handed_on(plan, to) : std::nullopt;
  plan.steps.erase(plan.steps.begin() + static_cast<std::ptrdiff_t>(to), plan.steps.end());
  plan.steps.erase(plan.steps.begin(), plan.steps.begin() + static_cast<std::ptrdiff_t>(from));
  for (Slot& s : plan.slots) s.first = s.last = -1;
  if (in) {
    Slot& s = plan.slots[static_cast<std::size_t>(*in)];
    s.kind = Slot::Kind::Input, s.index = graph_inputs;
  }
  if (out) {
    Slot& s = plan.slots[static_cast<std::size_t>(*out)];
    s.kind = Slot::Kind::Output, s.index = 0;
    plan.outputs = {*out};
  }
  plan.arena_bytes = 0;
  plan.lay_out();
  return plan;
}

/// Where a stage begins in the plan of the whole batch, and how many samples it takes.
struct Begin {
  std::size_t step;
  std::int64_t samples;
};

/// For each number of samples that is between `few` and the batch, the first step from which on its values fit.
std::vector<Begin> candidates(const Plan& whole, std::int64_t batch, std::int64_t few) {
  const std::vector<std::size_t> live = live_bytes(whole);
  std::vector<Begin> found;
  for (std::int64_t samples = few + 1; samples <= batch; ++samples) {
    if (batch % samples != 0 || samples % few != 0) continue;
    const auto fits = [&](std::size_t step) { return samples_at_a_time(batch, live[step], 1) >= samples; };
    std::size_t first = whole.steps.size();
    for (std::size_t step = whole.steps.size(); step > 1 && fits(step - 1); --step)
      if (handed_on(whole, step - 1)) first = step - 1;
    if (first < whole.steps.size()) found.push_back({first, samples});
  }
  return found;
}

/// Of the candidates those few, in order, that save most bytes of weights.
std::vector<Begin> best_begins(const Plan& whole, std::int64_t batch, std::int64_t few) {
  const std::vector<std::size_t> weights = weight_bytes(whole);
  const auto saved = [&](std::span<const Begin> begins) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < begins.size(); ++i) {
      const std::size_t end = i + 1 < begins.size() ? begins[i + 1].step : weights.size();
      const auto runs = static_cast<std::size_t>(batch / few - batch / begins[i].samples);
      for (std::size_t step = begins[i].step; step < end; ++step) bytes += weights[step] * runs;
    }
    return bytes;
  };
  const std::vector<Begin> all = candidates(whole, batch, few);
  std::vector<Begin> best;
  std::size_t most = 0;
  const auto weigh = [&](std::vector<Begin> begins) {
    const std::size_t bytes = saved(begins);
    if (bytes < most + kWorth) return;
    most = bytes;
    best = std::move(begins);
  };
  for (std::size_t i = 0; i < all.size(); ++i) weigh({all[i]});
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j)
      if (all[i].step < all[j].step && all[j].samples % all[i].samples == 0) weigh({all[i], all[j]});
  return best;
}

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
      const auto bytes = static_cast<std::int64_t>(root_of(plan, plan.outputs[0]).bytes) / stages[k]->samples;
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

Stages stages_of(const Plan& whole, std::int64_t batch, std::int64_t few, int inputs, const PlanOf& plan_of) {
  Stages stages;
  const auto complete = [&](std::int64_t samples) -> std::optional<Complete> {
    std::optional<Plan> plan = samples == batch ? whole : plan_of(samples);
    return plan ? std::optional(Complete{std::move(*plan), samples}) : std::nullopt;
  };
  std::optional<Complete> now = complete(few);
  if (!now) return stages;
  std::size_t from = 0;
  for (const Begin& begin : best_begins(whole, batch, few)) {
    std::optional<Complete> next = complete(begin.samples);
    const auto end = same_cut(*now, whole, batch, begin.step);
    const auto start = next ? same_cut(*next, whole, batch, begin.step) : std::nullopt;
    if (!start || !end || *end <= from) break;
    stages.push_back(std::make_unique<Stage>(between(std::move(now->plan), from, *end, inputs), now->samples));
    now = std::move(next);
    from = *start;
  }
  const std::size_t end = now->plan.steps.size();
  stages.push_back(std::make_unique<Stage>(between(std::move(now->plan), from, end, inputs), now->samples));
  return stages;
}

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
    const std::int64_t runs = run.batch() / stage->samples;
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
      sum += root_of(plan, plan.outputs[0]).bytes * static_cast<std::size_t>(stages[k + 1]->samples / stages[k]->samples);
    for (const Step& step : plan.steps)
      for (const int slot : step.reads)
        if (const Slot& root = root_of(plan, slot); root.kind == Slot::Kind::Constant)
          constants[root.constant] = std::max(constants[root.constant], root.bytes);
  }
  for (const auto& [data, bytes] : constants) sum += bytes;
  return sum;
}

}  // namespace inc::onednn
