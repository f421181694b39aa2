#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// The default: reaches the target in a few trials.
///   1. The fastest point. When it meets the target, that is all.
///   2. Otherwise the ladder (ladder.h): from measured sensitivities of single operators and the predicted cost, for each
///      divergence from FP32 the point of least cost.
///   3. Bisection on the ladder for the fastest rung that meets the target. Each observation corrects how divergence becomes
///      loss: loss = a · divergence^g, through the nearest miss, g by least squares over all misses (1 until there are two,
///      0.5 to 2). The next rung is the fastest one said to lose at most 0.8 of what is allowed, once a rung has met the
///      target 0.95, then the middle of what is open. It ends where that is faster by less than 0.5 % of FP32's cost.
///   4. Polish: other options of one operator, or of two, that save at least 0.5 % of FP32's cost: those said to meet the
///      target first, most saved first; then single operators by what they save per divergence. Three failures in a row end
///      it.
/// Goes on after the target was met, but begins no trial behind Knowledge::full_evaluations then: candidates near the target
/// cost a full evaluation each, whatever they gain. The last rung is FP32 where nothing else meets the target, so that one
/// is missed only where time or trials run out. A failed trial counts as a miss. n operators need about log2(n) + 5 trials.
/// Source of the ladder's additivity: measured (docs/search.md, "Sensitivities").
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
