#pragma once
// What the search makes small: the objective, FP32's figures, and how candidates are rated.
#include <optional>

#include "core/eval/evaluate.h"
#include "core/pipeline/costs.h"
#include "core/pipeline/work.h"
#include "core/tuning/rating.h"

namespace inc::pipeline {

class Aims {
 public:
  /// After the baseline was evaluated with `fp32`. References other than `costs` and `base` outlive the aims.
  Aims(const config::Config& config, const LoadedModel& model, const std::optional<Costs>& costs,
       const tuning::TuningSpace& space, const runtime::Executable& fp32, const eval::Score& base,
       const tuning::Criterion& criterion);
  Aims(const Aims&) = delete;
  Aims& operator=(const Aims&) = delete;
  const tuning::Rating& rating() const noexcept { return rating_; }
  /// Predicts by costs that know more.
  void refine(const Costs& costs) { costs_ = costs.model(space_); }
  const tuning::Objective& objective() const noexcept { return objective_; }
  /// What strategies may know of a point's cost.
  std::function<double(const search::Point&)> prediction() const { return rating_.prediction(fused_, space_); }

 private:
  const ir::Graph& fused_;
  const tuning::TuningSpace& space_;
  std::optional<tuning::CostModel> costs_;
  tuning::Objective objective_;
  tuning::Rating rating_;
};

}  // namespace inc::pipeline
