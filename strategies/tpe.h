#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Tree-structured Parzen estimator over categories. After the fastest point and nine draws with ever more fallbacks
/// (points.h) the observations are split: the better quarter (at most 25) and the rest. Per operator, l and g are the
/// frequencies of its options in the two parts, each option counted once more than seen. Points are drawn from l, and the
/// one with the largest l / g of 64 is tried: the expected improvement is monotonic in that ratio. Better means: meets the
/// target before missing it; among those that meet it the lower cost; among those that miss it the smaller loss; failures
/// last, so that feasibility is learnt before speed.
/// Source: Bergstra, Bardenet, Bengio, Kégl: Algorithms for Hyper-Parameter Optimization, NIPS 2011; the order of
/// constrained points: Deb: An efficient constraint handling method for genetic algorithms, CMAME 186, 2000.
class Tpe : public search::Strategy {
 public:
  Tpe(search::SearchSpace space, std::uint64_t seed) : space_(std::move(space)), seed_(seed) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "tpe"; }

 private:
  search::SearchSpace space_;
  std::uint64_t seed_;
};

}  // namespace inc::strategies
