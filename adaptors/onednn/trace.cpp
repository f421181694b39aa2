#include "adaptors/onednn/trace.h"

#include <algorithm>

#include "core/base/error.h"

namespace inc::onednn {

TracedPlan::TracedPlan(Plan made) : plan(std::move(made)), frames(plan) {
  for (const auto& [value, replacement] : plan.replaceable) replacing_.insert(replacement.step);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (replacing_.contains(i)) continue;
    ordinary.push_back(i);
    macs += plan.steps[i].profile.macs;
    for (const int slot : plan.steps[i].writes) writers_[root(slot)].push_back(i);
  }
  for (const auto& [value, replacement] : plan.replaceable) keep(behind({value}));
  for (std::size_t i = 0; i < plan.slots.size(); ++i)
    if (const auto it = kept.find(plan.slots[i].root); it != kept.end()) it->second.slots.push_back(static_cast<int>(i));
}

void TracedPlan::keep(const Suffix& suffix) {
  for (const std::size_t i : suffix.steps)
    for (const int slot : plan.steps[i].reads) {
      const int read = root(slot);
      const Slot& storage = plan.slots[static_cast<std::size_t>(read)];
      if (storage.kind != Slot::Kind::Arena || suffix.written.contains(read)) continue;
      if (!kept.try_emplace(read, Kept{kept_bytes, {}}).second) continue;
      kept_bytes += aligned(storage.bytes);
    }
}

const TracedPlan::Suffix& TracedPlan::behind(const std::set<ir::ValueId>& replaced) const {
  for (const ir::ValueId value : replaced)
    if (!plan.replaceable.contains(value)) throw DataError("a value was to be replaced that is not replaceable");
  const std::lock_guard lock(mutex_);
  const auto it = suffixes_.find(replaced);
  return it != suffixes_.end() ? it->second : suffixes_.emplace(replaced, find_suffix(replaced)).first->second;
}

TracedPlan::Suffix TracedPlan::find_suffix(const std::set<ir::ValueId>& replaced) const {
  std::map<int, std::size_t> given;
  std::set<int> dirty;
  std::set<std::size_t> steps;
  for (const ir::ValueId value : replaced) {
    const Replacement& replacement = plan.replaceable.at(value);
    given.emplace(replacement.home, replacement.step);
    dirty.insert(replacement.home);
    steps.insert(replacement.step);
  }
  const auto touches = [&](const std::vector<int>& slots, const std::set<int>& roots) {
    return std::any_of(slots.begin(), slots.end(), [&](int slot) { return roots.contains(root(slot)); });
  };
  const auto depends = [&](std::size_t i) {
    const auto& reads = plan.steps[i].reads;
    return std::any_of(reads.begin(), reads.end(), [&](int slot) {
      const auto it = given.find(root(slot));
      return it != given.end() ? i > it->second : dirty.contains(root(slot));
    });
  };
  const auto add = [&](std::size_t i) {
    steps.insert(i);
    for (const int slot : plan.steps[i].writes) dirty.insert(root(slot));
  };
  for (bool grown = true; grown;) {
    const std::size_t before = steps.size();
    for (const std::size_t i : ordinary)
      if (!steps.contains(i) && depends(i)) add(i);
    const std::set<int> written = dirty;
    for (const int storage : written)
      if (const auto it = writers_.find(storage); it != writers_.end() && !given.contains(storage))
        for (const std::size_t i : it->second)
          if (!steps.contains(i)) add(i);
    grown = steps.size() > before;
  }
  std::set<int> needed;
  for (const int output : plan.outputs) needed.insert(root(output));
  Suffix suffix;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    const Step& step = plan.steps[*it];
    if (!touches(step.writes, needed)) continue;
    suffix.steps.push_back(*it);
    for (const int slot : step.writes) suffix.written.insert(root(slot));
    for (const int slot : step.reads) needed.insert(root(slot));
  }
  std::reverse(suffix.steps.begin(), suffix.steps.end());
  return suffix;
}

PlannedTrace::PlannedTrace(std::shared_ptr<const TracedPlan> plan, std::span<const ir::Tensor> inputs,
                           const runtime::TapSink& tap)
    : plan_(std::move(plan)), inputs_(inputs.begin(), inputs.end()), kept_(heap(plan_->kept_bytes)) {
  const Borrowed frame(plan_->frames);
  frame->bind(inputs_, &tap);
  for (const auto& [root, kept] : plan_->kept)
    for (const int slot : kept.slots) frame->point(slot, kept_.get() + kept.offset);
  for (const std::size_t step : plan_->ordinary) frame->run(step);
  outputs_ = frame->take_outputs();
}

std::vector<ir::Tensor> PlannedTrace::rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const {
  const Plan& plan = plan_->plan;
  std::set<ir::ValueId> values;
  for (const auto& [value, tensor] : replaced) values.insert(value);
  const TracedPlan::Suffix& suffix = plan_->behind(values);
  std::vector<ir::Tensor> inputs = inputs_, outputs = outputs_;
  for (const auto& [value, tensor] : replaced) {
    const Replacement& replacement = plan.replaceable.at(value);
    const Slot& home = plan.slots[static_cast<std::size_t>(replacement.home)];
    if (tensor.dtype() != home.dtype || tensor.shape() != home.shape)
      throw DataError("a value was to be replaced by " + tensor.type().to_string() + ", " +
                      ir::TensorType::of(home.dtype, home.shape).to_string() + " expected");
    const auto given = static_cast<std::size_t>(replacement.given);
    inputs.resize(std::max(inputs.size(), given + 1));
    inputs[given] = tensor;
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Slot& made = plan.slots[static_cast<std::size_t>(plan.outputs[i])];
    if (suffix.written.contains(made.root)) outputs[i] = {};
  }
  const Borrowed frame(plan_->frames);
  frame->bind(inputs, nullptr, outputs);
  for (const auto& [root, kept] : plan_->kept) {
    std::byte* storage = suffix.written.contains(root) ? frame->arena(plan.slots[static_cast<std::size_t>(root)].offset)
                                                       : kept_.get() + kept.offset;
    for (const int slot : kept.slots) frame->point(slot, storage);
  }
  for (const std::size_t step : suffix.steps) frame->run(step);
  return frame->take_outputs();
}

double PlannedTrace::share(ir::ValueId value) const {
  const Plan& plan = plan_->plan;
  if (plan_->macs == 0 || !plan.replaceable.contains(value)) return 1;
  const TracedPlan::Suffix& suffix = plan_->behind({value});
  std::int64_t behind = 0;
  for (const std::size_t i : suffix.steps) behind += plan.steps[i].profile.macs;
  for (std::size_t i = plan.replaceable.at(value).step; i-- > 0;) {
    const auto& writes = plan.steps[i].writes;
    const bool makes = std::any_of(writes.begin(), writes.end(), [&](int slot) {
      return plan.slots[static_cast<std::size_t>(slot)].root == plan.replaceable.at(value).home;
    });
    if (makes) behind += plan.steps[i].profile.macs;
  }
  return static_cast<double>(behind) / static_cast<double>(plan_->macs);
}

std::size_t PlannedTrace::bytes() const {
  std::size_t bytes = plan_->kept_bytes;
  for (const auto* tensors : {&inputs_, &outputs_})
    for (const ir::Tensor& tensor : *tensors) bytes += tensor.bytes();
  return bytes;
}

}  // namespace inc::onednn
