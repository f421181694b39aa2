#include "core/search/search.h"

#include <algorithm>

namespace inc::search {

std::uint64_t SearchSpace::size() const noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t count = 1;
  for (const auto& dim : dims) {
    const std::uint64_t options = dim.options.size();
    if (options != 0 && count > kMost / options) return kMost;
    count *= options;
  }
  return count;
}

bool SearchSpace::contains(const Point& point) const noexcept {
  if (point.size() != dims.size()) return false;
  for (std::size_t i = 0; i < point.size(); ++i)
    if (point[i] >= dims[i].options.size()) return false;
  return true;
}

Point SearchSpace::fastest() const {
  return Point(dims.size(), 0);
}

Point SearchSpace::fp32() const {
  Point point;
  for (const auto& dim : dims) point.push_back(static_cast<std::uint16_t>(dim.options.size() - 1));
  return point;
}

double History::full_evaluations() const noexcept {
  double sum = sensitivity_ ? sensitivity_->full_evaluations : 0;
  for (const Observation& seen : items_) sum += seen.full_evaluations;
  return sum;
}

const Observation* History::find(const Point& point) const noexcept {
  const auto it = std::find_if(items_.begin(), items_.end(), [&](const Observation& seen) { return seen.point == point; });
  return it == items_.end() ? nullptr : &*it;
}

namespace {

bool better(const Observation& a, const Observation& b) {
  if (a.met != b.met) return a.met;
  if (a.met) return a.cost < b.cost;
  return a.loss < b.loss;
}

}  // namespace

const Observation* History::best() const noexcept {
  const Observation* chosen = nullptr;
  for (const auto& seen : items_)
    if (seen.state == TrialState::Complete && (chosen == nullptr || better(seen, *chosen))) chosen = &seen;
  return chosen;
}

}  // namespace inc::search
