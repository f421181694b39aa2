#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// The default: reaches the target in a few trials.
///   1. The fastest point. When it meets the target, that is all.
///   2. Otherwise the ladder (ladder.h): from measured sensitivities of single operators and the predicted cost, for each
///      divergence from FP32 the point of least cost.
///   3. Bisection on the ladder for the fastest rung that meets the target. Each observation corrects how divergence becomes
///      loss: loss = a · divergence^g, through the nearest miss, g by least squares over all misses (1 until there are two,
///      0.5 to 2); the next rung tried is the fastest one said to lose at most 0.8 of what is allowed, once a rung has met
///      the target 0.95, and then the middle of what is still open. It ends when the open rungs are faster by less than 2 %
///      of FP32's cost.
///   4. Polish: give single operators of the best point back to faster options, most cost saved per divergence first, as
///   long
///      as one saves at least 2 %; three failures in a row end it.
/// Goes on after the target was met. Reaches FP32 as the last rung, so that a target is missed only where time or trials run
/// out. A failed trial counts as a miss. n operators need about log2(n) + 5 trials.
/// Divergences of single operators add up: for one model, Σ 0.080 was predicted and 0.074 found, 0.046 and 0.042, 0.024 and
/// 0.022, for the whole, half and a quarter of its operators in INT8.
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
