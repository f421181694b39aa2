#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// The default: reaches the target in a few trials.
///   1. The fastest point. When it meets the target, that is all.
///   2. Otherwise the ladder (ladder.h): from measured sensitivities of single operators and the predicted cost, for each
///      divergence from FP32 the point of least cost.
///   3. Always the point that promises most: what it would save, times the chance that it meets the target (belief.h, from
///      all trials so far); among the rungs and, once a point has met the target, what differs from the best one in one or
///      two operators. Before that the chance must be 1/2 at least, after each further miss half as far from certainty. It
///      ends when no promise exceeds 0.5 % of FP32's cost.
/// Goes on after the target was met, but begins no trial behind Knowledge::full_evaluations then: candidates near the target
/// cost a full evaluation each, whatever they gain. The last rung is FP32 where nothing else meets the target, so that one
/// is missed only where time or trials run out. A failed trial says nothing of others. n operators need about log2(n) + 5
/// trials. Expected improvement under a constraint: Gardner et al., Bayesian Optimization with Inequality Constraints, ICML
/// 2014; here with one variable, the sum of divergences, which is additive (docs/search.md, "Sensitivities").
class Auto : public search::Strategy {
 public:
  Auto(search::SearchSpace space, search::Knowledge knowledge)
      : space_(std::move(space)), knowledge_(std::move(knowledge)) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  search::Wants wants(const search::History& history) const override;
  bool goes_on() const override { return true; }
  std::string_view name() const override { return "auto"; }

 private:
  search::SearchSpace space_;
  search::Knowledge knowledge_;
};

}  // namespace inc::strategies
