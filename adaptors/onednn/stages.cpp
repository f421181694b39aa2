#include "adaptors/onednn/stages.h"

#include <algorithm>
#include <set>

#include "adaptors/onednn/batches.h"

namespace inc::onednn {
namespace {

constexpr std::size_t kWorth = std::size_t{4} << 20;

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
      if (const Slot& root = plan.root(slot); root.kind == Slot::Kind::Constant) bytes[i] += root.bytes;
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
    if (found && same_layout(c.plan.root(*found), c.samples, other.root(*wanted), batch) && nodes_from(c.plan, i) == nodes)
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

}  // namespace inc::onednn
