#pragma once
// From a candidate to its figures and its cost.
#include <functional>

#include "core/tuning/candidate.h"
#include "core/tuning/cost_model.h"
#include "core/tuning/objective.h"

namespace inc::tuning {

/// Of the model that is written for the graph: its constants, and what names and structure take. Within 2 % of the file,
/// or a few kB.
double written_bytes(const ir::Graph& graph);

class Rating {
 public:
  /// References outlive the rating. `costs` may be null: then latencies are those measured while evaluating. `bf16_as_plan`:
  /// BF16 is written as a plan beside FP32 operators (mixed_precision.format).
  Rating(const Objective& objective, const CostModel* costs, bool bf16_as_plan)
      : objective_(objective), costs_(costs), bf16_as_plan_(bf16_as_plan) {}

  /// Fills the figures and the cost of an observation that has its point, its accuracy and its measured latency.
  void rate(search::Observation& seen, const Candidate& candidate, const runtime::Executable& executable) const;
  /// The cost of points that were not tried, accuracy aside: latency by the cost model, bytes by the weights of the
  /// operators in INT8 and BF16. Empty where the objective asks for a latency that nothing predicts, or for accuracy alone.
  /// Whatever it needs is copied, but for the cost model and the objective.
  std::function<double(const search::Point&)> prediction(const ir::Graph& fused, const TuningSpace& space) const;
  const Objective& objective() const noexcept { return objective_; }

 private:
  const Objective& objective_;
  const CostModel* costs_;
  bool bf16_as_plan_;
};

}  // namespace inc::tuning
