#pragma once
// A prepared graph: plans by input shapes, compiled when first seen.
#include <memory>
#include <mutex>

#include "adaptors/onednn/plan.h"
#include "adaptors/onednn/prepared.h"
#include "adaptors/onednn/shapes.h"
#include "adaptors/onednn/stages.h"
#include "adaptors/onednn/trace.h"
#include "adaptors/onednn/weights.h"
#include "core/runtime/footprint.h"

namespace inc::onednn {

class PlannedExecutable final : public runtime::Executable, public runtime::Footprint {
 public:
  PlannedExecutable(const ir::Graph& graph, std::shared_ptr<PackedWeights> weights);
  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const override;
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor> inputs, int iterations) const override;
  std::unique_ptr<const runtime::Trace> trace(std::span<const ir::Tensor> inputs, const std::set<ir::ValueId>& replaceable,
                                              const runtime::TapSink& tap) const override;
  void rest() const override;
  std::size_t footprint_bytes() const override;

 private:
  /// One stage of all samples, or several whose outputs have the shapes `results`.
  struct Compiled {
    Stages stages;
    std::vector<ir::Shape> results = {};
  };
  struct Key {
    std::vector<ir::Shape> shapes;
    std::set<ir::ValueId> wanted;
    int threads = 0;
    auto operator<=>(const Key&) const = default;
  };
  void check_inputs(std::span<const ir::Tensor> inputs) const;
  std::shared_ptr<Compiled> compile(const Key& key) const;
  /// Nothing where the samples meet, or for a graph that is made for another batch.
  std::optional<Plan> plan_of_part(std::vector<ir::Shape> inputs, const Shapes& whole, std::int64_t samples) const;
  /// nullptr when the shapes depend on data. The plan that was used longest ago makes room for a new one.
  std::shared_ptr<Compiled> plan_for(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const;
  /// The same for runs that can be taken up again.
  std::shared_ptr<const TracedPlan> traced_plan_for(std::span<const ir::Tensor> inputs,
                                                    const std::set<ir::ValueId>& replaceable,
                                                    const runtime::TapSink& tap) const;

  Prepared prepared_;
  std::shared_ptr<PackedWeights> weights_;
  mutable std::mutex mutex_;
  struct Entry {
    std::shared_ptr<Compiled> compiled;
    std::uint64_t used = 0;
  };
  mutable std::map<Key, Entry> plans_;
  mutable std::uint64_t uses_ = 0;
  struct Traced {
    Key key;
    std::set<ir::ValueId> replaceable;
    std::shared_ptr<const TracedPlan> plan;
  };
  mutable Traced traced_;  ///< the last one
};

}  // namespace inc::onednn
