#include "strategies/exhaustive.h"

#include "strategies/points.h"

namespace inc::strategies {

std::optional<search::Point> Exhaustive::ask(const search::History& history) const {
  for (std::uint64_t i = history.size(); i < space_.size(); ++i)
    if (search::Point point = nth(space_, i); history.find(point) == nullptr) return point;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(history.size(), space_.size()); ++i)
    if (search::Point point = nth(space_, i); history.find(point) == nullptr) return point;
  return std::nullopt;
}

}  // namespace inc::strategies
