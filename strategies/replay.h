#pragma once
// How a multi-stage strategy stays a pure function of the history: it runs its plan from the start and looks every point
// up. The first point that the history does not hold is the answer.
#include <optional>

#include "core/search/search.h"

namespace inc::strategies {

class Replay {
 public:
  explicit Replay(const search::History& history) : history_(history) {}
  /// The observation of the point; nullptr when it is yet to be tried: the plan must stop, and answer() is the point.
  const search::Observation* operator()(const search::Point& point) {
    const auto* seen = history_.find(point);
    if (seen == nullptr && !answer_) answer_ = point;
    return seen;
  }
  const std::optional<search::Point>& answer() const noexcept { return answer_; }

 private:
  const search::History& history_;
  std::optional<search::Point> answer_;
};

}  // namespace inc::strategies
