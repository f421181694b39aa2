#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Intel Neural Compressor's `mse`: as `basic`, but operators fall back in the order of their measured error, so that no
/// trials are needed to rank them:
///   1. the fastest point, and at most five variants of an operator type (stages 1 and 2 of `basic`);
///   2. fall back the operator with the largest error, then that with the next largest on top of it, and so on, until the
///      target is met (first to BF16 where there is such, then all to FP32); more than 48 operators in at most 32 blocks;
///   3. for those who still have trials: give fallbacks back to INT8, the smallest error first.
/// The error of an operator is Sensitivity::own of its option: the squared error of its own output over the square of that
/// output in FP32, every other operator in FP32. It belongs to that operator, it is never scaled to the tensor's range, and
/// the metric's direction has no say in it. n operators need at most n + 6 trials to FP32.
/// Source: tuning_strategies.md of Intel Neural Compressor 2.6, "MSE".
class Mse : public search::Strategy {
 public:
  explicit Mse(search::SearchSpace space) : space_(std::move(space)) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  search::Wants wants(const search::History& history) const override;
  std::string_view name() const override { return "mse"; }

 private:
  search::SearchSpace space_;
};

}  // namespace inc::strategies
