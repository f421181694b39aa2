#pragma once
#include "core/search/search.h"

namespace inc::strategies {

/// Every point, one after the other in lexicographic order from the fastest, made when asked for. What it finds is the
/// optimum of the space, once it has seen the whole of it: n operators of k options have k^n points.
class Exhaustive : public search::Strategy {
 public:
  explicit Exhaustive(search::SearchSpace space) : space_(std::move(space)) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "exhaustive"; }

 private:
  search::SearchSpace space_;
};

}  // namespace inc::strategies
