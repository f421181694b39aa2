#include "strategies/mse.h"

#include <algorithm>

#include "core/base/error.h"
#include "strategies/fallback.h"

namespace inc::strategies {
namespace {

constexpr std::size_t kMostVariants = 5;

void walk(Fallback& plan, const search::Sensitivity& sensitivity, search::Point point) {
  for (const Goal goal : {Goal::Safe, Goal::Last}) {
    std::vector<std::size_t> order = plan.movable(point, goal);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return sensitivity.own[a][point[a]] > sensitivity.own[b][point[b]];
    });
    if (plan.accumulate(point, in_blocks(order), goal)) return;
  }
}

}  // namespace

search::Wants Mse::wants(const search::History& history) const {
  Fallback plan(space_, history);
  const auto start = plan.base(kMostVariants);
  return {start && *start != space_.fp32()};
}

std::optional<search::Point> Mse::ask(const search::History& history) const {
  Fallback plan(space_, history);
  if (const auto start = plan.base(kMostVariants); start && *start != space_.fp32()) {
    INC_CHECK(history.sensitivity() != nullptr, "the tuner has measured what the strategy wants");
    walk(plan, *history.sensitivity(), *start);
  }
  return plan.answer();
}

}  // namespace inc::strategies
