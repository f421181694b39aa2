#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Bayesian optimization over categories. After the fastest point and nine draws with ever more fallbacks (points.h), one
/// Gaussian process describes the loss of accuracy and one the cost; tried next is the point with the largest expected
/// improvement of cost over the fastest point that meets the target, times the probability that the point meets it, or,
/// before any does, with the largest expected improvement of the loss. Candidates are 512 draws and all neighbours of the
/// three best points. A failed trial counts as the largest loss seen. Every operator may fall back in any of them.
/// Sources: Jones, Schonlau, Welch: Efficient Global Optimization, 1998; Gardner et al.: Bayesian Optimization with
/// Inequality Constraints, ICML 2014.
class Bayesian : public search::Strategy {
 public:
  Bayesian(search::SearchSpace space, std::uint64_t seed) : space_(std::move(space)), seed_(seed) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "bayesian"; }

 private:
  search::SearchSpace space_;
  std::uint64_t seed_;
};

}  // namespace inc::strategies
