#include "strategies/random.h"

#include "core/base/rng.h"

namespace inc::strategies {
namespace {

using search::Point;

constexpr int kDraws = 64;

Point draw(const search::SearchSpace& space, Rng& rng) {
  Point point;
  for (const auto& dim : space.dims) point.push_back(static_cast<std::uint16_t>(rng.below(dim.options.size())));
  return point;
}

Point nth(const search::SearchSpace& space, std::uint64_t index) {
  Point point;
  for (const auto& dim : space.dims) {
    point.push_back(static_cast<std::uint16_t>(index % dim.options.size()));
    index /= dim.options.size();
  }
  return point;
}

}  // namespace

// A draw that repeats is drawn again; after kDraws repetitions in a row the space is nearly used up and so is small
// enough to walk from a random place.
std::optional<Point> Random::ask(const search::History& history) const {
  const std::uint64_t size = space_.size();
  if (history.size() >= size) return std::nullopt;
  if (history.find(space_.fastest()) == nullptr) return space_.fastest();
  Rng rng(seed_, history.size());
  for (int i = 0; i < kDraws; ++i) {
    Point point = draw(space_, rng);
    if (history.find(point) == nullptr) return point;
  }
  const std::uint64_t first = rng.below(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    Point point = nth(space_, (first + i) % size);
    if (history.find(point) == nullptr) return point;
  }
  return std::nullopt;
}

}  // namespace inc::strategies
