#pragma once
// Trials measured before their turn, where several can be measured at the same time.
//
// What a strategy asks next is known before the trials in hand have ended when it does not hang on what comes of them: the
// strategy is asked what would follow if they missed by less than all trials before, and if they missed by more. Where both
// answers are the same, that point is taken for the next one. Observations enter the history in order, and one that was
// foreseen only when the strategy really asks for its point, so that the history is that of one trial after the other.
#include <deque>
#include <utility>

#include "core/search/search.h"

namespace inc::search {

class Ahead {
 public:
  /// References outlive the object.
  Ahead(const Strategy& strategy, const Measures& measures) : strategy_(strategy), measures_(measures) {}
  /// Of the history's next trial, whose point that is; what is measured beside it is kept for the calls that follow. No more
  /// than `most` trials. The first trial of a search stands alone, for it may be the last one. Throws Interrupted.
  Observation measure(const Point& point, const History& history, std::size_t most);

 private:
  std::vector<Point> foreseen(const Point& point, const History& history, std::size_t count) const;

  const Strategy& strategy_;
  const Measures& measures_;
  std::deque<std::pair<Point, Measured>> early_;
  std::optional<Point> next_;  ///< as foreseen
  bool trusted_ = true;        ///< the point foreseen last was the right one
};

}  // namespace inc::search
