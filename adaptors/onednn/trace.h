#pragma once
// Runs that can be taken up again behind replaced values.
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "adaptors/onednn/plan.h"

namespace inc::onednn {

/// A plan with replaceable values, and what follows from replacing them.
class TracedPlan {
 public:
  explicit TracedPlan(Plan plan);

  /// What a run executes when some values are replaced.
  struct Suffix {
    std::vector<std::size_t> steps;  ///< in order
    std::set<int> written;           ///< roots
  };
  /// Throws DataError for a value that is not replaceable. Thread-safe.
  const Suffix& behind(const std::set<ir::ValueId>& replaced) const;

  /// Storage that a trace keeps: what some suffix reads and does not write.
  struct Kept {
    std::size_t offset;
    std::vector<int> slots;  ///< the root and its aliases
  };

  Plan plan;
  std::map<int, Kept> kept;  ///< by root
  std::size_t kept_bytes = 0;
  std::vector<std::size_t> ordinary;  ///< the steps that replace nothing
  std::int64_t macs = 0;              ///< of those
  mutable FramePool frames;

 private:
  Suffix find_suffix(const std::set<ir::ValueId>& replaced) const;
  int root(int slot) const { return plan.slots[static_cast<std::size_t>(slot)].root; }
  void keep(const Suffix& suffix);
  std::set<std::size_t> replacing_;
  std::map<int, std::vector<std::size_t>> writers_;  ///< ordinary steps by root
  mutable std::mutex mutex_;
  mutable std::map<std::set<ir::ValueId>, Suffix> suffixes_;
};

class PlannedTrace final : public runtime::Trace {
 public:
  PlannedTrace(std::shared_ptr<const TracedPlan> plan, std::span<const ir::Tensor> inputs, const runtime::TapSink& tap);
  const std::vector<ir::Tensor>& outputs() const override { return outputs_; }
  std::vector<ir::Tensor> rerun(const std::map<ir::ValueId, ir::Tensor>& replaced) const override;
  double share(ir::ValueId value) const override;
  std::size_t bytes() const override;

 private:
  std::shared_ptr<const TracedPlan> plan_;
  std::vector<ir::Tensor> inputs_, outputs_;
  Storage kept_;
};

}  // namespace inc::onednn
