#pragma once
// A plan: a graph for concrete input shapes as a flat list of steps over one arena.
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adaptors/onednn/memory.h"
#include "core/base/memory.h"
#include "core/runtime/adaptor.h"

namespace inc::onednn {

/// A place for a tensor. An alias shares the storage of its root.
struct Slot {
  enum class Kind : std::uint8_t { Arena, Constant, Input, Output };
  Kind kind = Kind::Arena;
  DType dtype = DType::Float;
  ir::Shape shape;
  Desc desc;  ///< empty where oneDNN does not know the element type; then row-major
  std::size_t bytes = 0;
  int root = -1;
  std::size_t shift = 0;  ///< bytes behind the start of the root
  int index = -1;         ///< position among the graph's inputs or outputs
  const std::byte* constant = nullptr;
  std::shared_ptr<const void> keeper;
  int first = -1, last = -1;  ///< steps that write first and touch last; roots only
  std::size_t offset = 0;     ///< in the arena; roots only
};

class Frame;

/// One action: either a oneDNN primitive with its arguments, or a body.
struct Step {
  runtime::StepProfile profile;
  std::vector<int> reads, writes;
  std::function<void(Frame&)> body;
  dnnl::primitive primitive;
  std::vector<std::pair<int, int>> args;  ///< oneDNN argument → slot
  bool alone = false;                     ///< one thread: with more, the library would sum in another order
};

/// Where a value can be replaced: a step that no ordinary run executes, behind those that make the value.
struct Replacement {
  std::size_t step;
  int home;   ///< the slot it writes: the root of storage that is the value's alone
  int given;  ///< the position of what it reads, counted on from the graph's inputs
};

struct Plan {
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<int> outputs;  ///< slot of each graph output
  std::map<ir::ValueId, Replacement> replaceable = {};
  std::size_t arena_bytes = 0;

  const Slot& root(int slot) const { return slots[static_cast<std::size_t>(slots[static_cast<std::size_t>(slot)].root)]; }
  /// Liveness, then places in the arena.
  void lay_out();
};

/// The memory of one run. Frames of a plan are pooled; each is used by one run at a time.
class Frame {
 public:
  explicit Frame(const Plan& plan);
  /// Undefined inputs are not read. `outputs`: tensors to use in place of new ones where they are defined.
  void bind(std::span<const ir::Tensor> inputs, const runtime::TapSink* tap, std::span<const ir::Tensor> outputs = {});
  void run(std::size_t step);
  std::vector<ir::Tensor> take_outputs();
  /// Storage for the n-th output of several runs together, as many bytes each time; used again once nobody else holds it.
  std::shared_ptr<std::byte> whole_result(std::size_t n, std::size_t bytes);

  std::byte* at(int slot) noexcept { return pointers_[static_cast<std::size_t>(slot)]; }
  template <class T>
  T* as(int slot) noexcept {
    return reinterpret_cast<T*>(at(slot));
  }
  /// A tensor that borrows a row-major slot; valid during the run only.
  ir::Tensor borrow(int slot);
  const runtime::TapSink* tap() const noexcept { return tap_; }
  /// The storage of the slot's root, until it is pointed elsewhere.
  void point(int slot, std::byte* storage);
  std::byte* arena(std::size_t offset) const noexcept { return arena_.get() + offset; }

 private:
  const Plan& plan_;
  Storage arena_;
  std::vector<std::byte*> pointers_;
  std::vector<int> moving_;  ///< slots whose storage changes from run to run
  std::vector<dnnl::memory> memories_;
  std::vector<std::unordered_map<int, dnnl::memory>> args_;
  std::vector<ir::Tensor> inputs_, outputs_;
  std::vector<std::shared_ptr<std::byte>> results_;  ///< storage of each output, used again once nobody else holds it
  std::vector<std::shared_ptr<std::byte>> whole_results_;
  dnnl::stream stream_;
  const runtime::TapSink* tap_ = nullptr;
};

/// Frames that are not in use.
class FramePool {
 public:
  explicit FramePool(const Plan& plan) : plan_(plan) {}
  std::unique_ptr<Frame> take();
  void give(std::unique_ptr<Frame> frame);

 private:
  const Plan& plan_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> idle_;
};

/// A frame of the pool, for one run.
class Borrowed {
 public:
  explicit Borrowed(FramePool& pool) : pool_(pool), frame_(pool.take()) {}
  ~Borrowed() { pool_.give(std::move(frame_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Frame* operator->() const noexcept { return frame_.get(); }

 private:
  FramePool& pool_;
  std::unique_ptr<Frame> frame_;
};

}  // namespace inc::onednn
