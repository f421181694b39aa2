#include "adaptors/onednn/plan.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/base/parallel.h"

namespace inc::onednn {
namespace {

/// Storage that nobody but `held` refers to, new where somebody does.
void renew(std::shared_ptr<std::byte>& held, std::size_t bytes) {
#if defined(__SANITIZE_THREAD__)  // knows no fences
  held = heap(bytes);
#else
  if (held.use_count() != 1) held = heap(bytes);
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
}

void find_lifetimes(Plan& plan) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto touch = [&](int slot) {
      Slot& root = plan.slots[static_cast<std::size_t>(plan.slots[static_cast<std::size_t>(slot)].root)];
      if (root.first < 0) root.first = static_cast<int>(i);
      root.last = static_cast<int>(i);
    };
    for (const int slot : plan.steps[i].reads) touch(slot);
    for (const int slot : plan.steps[i].writes) touch(slot);
  }
}

}  // namespace

void Plan::lay_out() {
  find_lifetimes(*this);
  std::vector<Slot*> order;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (slots[i].kind == Slot::Kind::Arena && slots[i].root == static_cast<int>(i) && slots[i].first >= 0)
      order.push_back(&slots[i]);
  std::stable_sort(order.begin(), order.end(), [](const Slot* a, const Slot* b) { return a->bytes > b->bytes; });
  std::vector<Slot*> placed;  // by offset
  for (Slot* slot : order) {
    std::size_t offset = 0;
    for (const Slot* other : placed) {
      if (other->last < slot->first || slot->last < other->first) continue;
      if (offset + aligned(slot->bytes) <= other->offset) break;
      offset = std::max(offset, other->offset + aligned(other->bytes));
    }
    slot->offset = offset;
    arena_bytes = std::max(arena_bytes, offset + aligned(slot->bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), slot,
                                   [](const Slot* a, const Slot* b) { return a->offset < b->offset; }),
                  slot);
  }
}

Frame::Frame(const Plan& plan)
    : plan_(plan),
      arena_(storage(plan.arena_bytes)),
      pointers_(plan.slots.size()),
      memories_(plan.slots.size()),
      args_(plan.steps.size()),
      stream_(cpu()) {
  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const Slot& slot = plan.slots[i];
    if (!slot.desc.is_zero()) memories_[i] = dnnl::memory(slot.desc, cpu(), nullptr);
    const Slot& root = plan.slots[static_cast<std::size_t>(slot.root)];
    if (root.kind == Slot::Kind::Arena) point(static_cast<int>(i), arena_.get() + root.offset);
    if (root.kind == Slot::Kind::Constant) point(static_cast<int>(i), const_cast<std::byte*>(root.constant));
    if (root.kind == Slot::Kind::Input || root.kind == Slot::Kind::Output) moving_.push_back(static_cast<int>(i));
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    for (const auto& [arg, slot] : plan.steps[i].args) args_[i].emplace(arg, memories_[static_cast<std::size_t>(slot)]);
}

void Frame::point(int slot, std::byte* storage) {
  const auto i = static_cast<std::size_t>(slot);
  pointers_[i] = storage + plan_.slots[i].shift;
  if (memories_[i]) memories_[i].set_data_handle(pointers_[i]);
}

void Frame::bind(std::span<const ir::Tensor> inputs, const runtime::TapSink* tap, std::span<const ir::Tensor> outputs) {
  tap_ = tap;
  inputs_.assign(inputs.begin(), inputs.end());
  outputs_.clear();
  results_.resize(plan_.outputs.size());
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const Slot& made = plan_.slots[static_cast<std::size_t>(plan_.outputs[i])];
    if (i < outputs.size() && outputs[i].defined()) {
      outputs_.push_back(outputs[i]);
      continue;
    }
    renew(results_[i], static_cast<std::size_t>(ir::element_count(made.shape)) * size_of(made.dtype));
    outputs_.emplace_back(made.dtype, made.shape, results_[i].get(), results_[i]);
  }
  for (const int slot : moving_) {
    const Slot& root = plan_.root(slot);
    const auto index = static_cast<std::size_t>(root.index);
    if (root.kind == Slot::Kind::Output)
      point(slot, const_cast<std::byte*>(outputs_[index].raw()));
    else if (index < inputs_.size() && inputs_[index].defined())
      point(slot, const_cast<std::byte*>(inputs_[index].raw()));
  }
}

void Frame::run(std::size_t step) {
  const Step& s = plan_.steps[step];
  if (s.body) return s.body(*this);
  const int team = threads();
  if (s.alone) set_threads(1);
  s.primitive.execute(stream_, args_[step]);
  if (s.alone) set_threads(team);
}

std::shared_ptr<std::byte> Frame::whole_result(std::size_t n, std::size_t bytes) {
  whole_results_.resize(plan_.outputs.size());
  renew(whole_results_[n], bytes);
  return whole_results_[n];
}

std::vector<ir::Tensor> Frame::take_outputs() {
  inputs_.clear();
  return std::move(outputs_);
}

ir::Tensor Frame::borrow(int slot) {
  static const auto nobody = std::make_shared<const int>(0);
  const Slot& s = plan_.slots[static_cast<std::size_t>(slot)];
  return ir::Tensor(s.dtype, s.shape, at(slot), nobody);
}

std::unique_ptr<Frame> FramePool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto frame = std::move(idle_.back());
      idle_.pop_back();
      return frame;
    }
  }
  return std::make_unique<Frame>(plan_);
}

void FramePool::give(std::unique_ptr<Frame> frame) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(frame));
}

}  // namespace inc::onednn
