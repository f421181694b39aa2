#include "strategies/points.h"

#include <algorithm>
#include <tuple>

namespace inc::strategies {

using search::Point;

Point draw(const search::SearchSpace& space, Rng& rng, double share) {
  Point point;
  std::vector<std::size_t> movable;
  for (std::size_t i = 0; i < space.dims.size(); ++i) {
    const std::size_t faster = space.dims[i].fallback();
    point.push_back(static_cast<std::uint16_t>(faster > 0 ? rng.below(faster) : rng.below(space.dims[i].options.size())));
    if (faster > 0) movable.push_back(i);
  }
  const auto most = static_cast<std::uint64_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(movable.size()) + 0.5);
  const std::uint64_t count = rng.below(most + 1);
  for (std::uint64_t k = 0; k < count; ++k) {
    std::swap(movable[k], movable[k + rng.below(movable.size() - k)]);
    const auto& dim = space.dims[movable[k]];
    point[movable[k]] = static_cast<std::uint16_t>(dim.fallback() + rng.below(dim.options.size() - dim.fallback()));
  }
  return point;
}

double growing_share(const search::History& history) {
  constexpr double kTrialsToAll = 25;
  return std::min(1.0, static_cast<double>(history.size()) / kTrialsToAll);
}

Point nth(const search::SearchSpace& space, std::uint64_t index) {
  Point point(space.dims.size());
  for (std::size_t i = point.size(); i-- > 0; index /= space.dims[i].options.size())
    point[i] = static_cast<std::uint16_t>(index % space.dims[i].options.size());
  return point;
}

// A draw that repeats is drawn again; after kDraws repetitions in a row the space is nearly used up and so is small
// enough to walk from a random place.
std::optional<Point> unseen(const search::SearchSpace& space, const search::History& history, Rng& rng, double share) {
  constexpr int kDraws = 64;
  const std::uint64_t size = space.size();
  if (history.size() >= size) return std::nullopt;
  for (int i = 0; i < kDraws; ++i) {
    Point point = draw(space, rng, share);
    if (history.find(point) == nullptr) return point;
  }
  const std::uint64_t first = rng.below(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    Point point = nth(space, (first + i) % size);
    if (history.find(point) == nullptr) return point;
  }
  return std::nullopt;
}

std::vector<const search::Observation*> best_first(const search::History& history) {
  const auto rank = [](const search::Observation& seen) {
    return std::tuple(seen.state != search::TrialState::Complete, !seen.met, seen.met ? seen.cost : seen.loss);
  };
  std::vector<const search::Observation*> sorted;
  for (const search::Observation& seen : history.all()) sorted.push_back(&seen);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto* a, const auto* b) { return rank(*a) < rank(*b); });
  return sorted;
}

}  // namespace inc::strategies
