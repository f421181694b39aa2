#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Every point, made when asked for: by the number of operators that leave their fastest option, and in the order of the
/// graph where that is the same, so that what is most likely to be wanted comes before the end of the trials; plain
/// lexicographic order would not touch the first operators for most of its way. What it finds is the optimum of the space,
/// once it has seen the whole of it: n operators of k options have k^n points.
class Exhaustive : public search::Strategy {
 public:
  explicit Exhaustive(search::SearchSpace space) : space_(std::move(space)) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "exhaustive"; }

 private:
  search::SearchSpace space_;
};

}  // namespace inc::strategies
