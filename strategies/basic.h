#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Intel Neural Compressor's `basic`, with its stages and without its idle trials:
///   1. the fastest point;
///   2. operator type after operator type, every other 8-bit variant of all operators of that type, kept where it brings the
///      outputs nearer to FP32's (at most twelve trials; the product of all types is not walked);
///   3. fall back (to BF16 where an operator has it, otherwise to FP32) one operator at a time, in reverse order of the
///      graph, and note what each gains: by how far the outputs still are from FP32's where that is measured (a test set's
///      accuracy is too noisy to rank single operators), otherwise by accuracy; spaces of more than 48 operators are walked
///      in at most 32 blocks of neighbours;
///   4. accumulate the fallbacks in the order of what they gained, one more per trial, until the target is met;
///   5. with every operator fallen back and the target still missed: the same again from BF16 to FP32;
///   6. for those who still have trials: give single fallbacks of the point that met the target back to INT8, the least
///      useful first, keeping what still meets it.
/// A failed trial counts as gaining nothing. Where losses add up and fallbacks cost the same, n operators of two options
/// need at most 3n + 1 trials to the optimum. Source: tuning_strategies.md of Intel Neural Compressor 2.6, "Basic".
class Basic : public search::Strategy {
 public:
  explicit Basic(search::SearchSpace space) : space_(std::move(space)) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "basic"; }

 private:
  search::SearchSpace space_;
};

}  // namespace inc::strategies
