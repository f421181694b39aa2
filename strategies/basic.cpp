#include "strategies/basic.h"

#include "strategies/fallback.h"

namespace inc::strategies {
namespace {

constexpr std::size_t kMostVariants = 12;

void walk(Fallback& plan) {
  std::optional<search::Point> point = plan.base(kMostVariants);
  if (!point) return;
  for (const Goal goal : {Goal::Safe, Goal::Last}) {
    const auto order = plan.by_gain(*point, in_blocks(plan.movable(*point, goal)), goal);
    if (!order || plan.accumulate(*point, *order, goal)) return;
  }
}

}  // namespace

std::optional<search::Point> Basic::ask(const search::History& history) const {
  Fallback plan(space_, history);
  walk(plan);
  return plan.answer();
}

}  // namespace inc::strategies
