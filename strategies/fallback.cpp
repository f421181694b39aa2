#include "strategies/fallback.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;
using search::SearchSpace;

constexpr std::size_t kMostAlone = 48, kMostBlocks = 32;

std::uint16_t goal_of(const search::Dimension& dim, Goal goal) {
  return static_cast<std::uint16_t>(goal == Goal::Safe ? dim.fallback() : dim.options.size() - 1);
}

/// In order of appearance.
std::vector<std::string> types(const SearchSpace& space) {
  std::vector<std::string> all;
  for (const auto& dim : space.dims)
    if (std::find(all.begin(), all.end(), dim.op_type) == all.end()) all.push_back(dim.op_type);
  return all;
}

/// The operators of the type at their variant; the point itself where none has it.
Point moved(Point point, const SearchSpace& space, const std::string& type, std::size_t variant) {
  for (std::size_t i = 0; i < point.size(); ++i)
    if (space.dims[i].op_type == type && variant < goal_of(space.dims[i], Goal::Safe))
      point[i] = static_cast<std::uint16_t>(variant);
  return point;
}

std::size_t most_variants(const SearchSpace& space) {
  std::size_t most = 0;
  for (const auto& dim : space.dims) most = std::max<std::size_t>(most, goal_of(dim, Goal::Safe));
  return most;
}

}  // namespace

double Fallback::distance(const Observation& seen, bool by_output) const {
  if (seen.state != search::TrialState::Complete) return std::numeric_limits<double>::infinity();
  return by_output ? seen.divergence : seen.loss;
}

std::optional<Point> Fallback::base(std::size_t most) {
  Point point = space_.fastest();
  const Observation* best = tried_(point);
  if (best == nullptr || best->met) return std::nullopt;
  std::size_t trials = 0;
  for (const std::string& type : types(space_))
    for (std::size_t variant = 1; variant < most_variants(space_) && trials < most; ++variant) {
      Point other = moved(point, space_, type, variant);
      if (other == point) continue;
      const Observation* seen = tried_(other);
      if (seen == nullptr || seen->met) return std::nullopt;
      ++trials;
      const bool by_output = best->divergence >= 0 && seen->divergence >= 0;
      if (!(distance(*seen, by_output) < distance(*best, by_output))) continue;
      best = seen;
      point = std::move(other);
    }
  return point;
}

std::vector<std::size_t> Fallback::movable(const Point& point, Goal goal) const {
  std::vector<std::size_t> dims;
  for (std::size_t i = space_.dims.size(); i-- > 0;)
    if (point[i] < goal_of(space_.dims[i], goal)) dims.push_back(i);
  return dims;
}

Point Fallback::fall_back(Point point, const Block& block, Goal goal) const {
  for (const std::size_t dim : block) point[dim] = std::max(point[dim], goal_of(space_.dims[dim], goal));
  return point;
}

std::optional<std::vector<Block>> Fallback::by_gain(const Point& start, const std::vector<Block>& blocks, Goal goal) {
  std::vector<const Observation*> singles;
  for (const Block& block : blocks) {
    singles.push_back(tried_(fall_back(start, block, goal)));
    if (singles.back() == nullptr) return std::nullopt;
  }
  const bool by_output = std::all_of(singles.begin(), singles.end(), [](const Observation* seen) {
    return seen->state != search::TrialState::Complete || seen->divergence >= 0;
  });
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return distance(*singles[a], by_output) < distance(*singles[b], by_output);
  });
  std::vector<Block> sorted;
  for (const std::size_t i : order) sorted.push_back(blocks[i]);
  return sorted;
}

bool Fallback::accumulate(Point& point, const std::vector<Block>& order, Goal goal) {
  const Point start = point;
  for (const Block& block : order) {
    point = fall_back(std::move(point), block, goal);
    const Observation* seen = tried_(point);
    if (seen == nullptr) return true;
    if (!seen->met) continue;
    give_back(point, start, order);
    return true;
  }
  return false;
}

void Fallback::give_back(Point kept, const Point& start, const std::vector<Block>& order) {
  for (auto block = order.rbegin(); block != order.rend(); ++block)
    for (const std::size_t dim : *block) {
      if (kept[dim] == start[dim]) continue;
      Point fewer = kept;
      fewer[dim] = start[dim];
      const Observation* seen = tried_(fewer);
      if (seen == nullptr) return;
      if (seen->met) kept = std::move(fewer);
    }
}

std::vector<Block> in_blocks(const std::vector<std::size_t>& order) {
  const std::size_t size = order.size() <= kMostAlone ? 1 : (order.size() + kMostBlocks - 1) / kMostBlocks;
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < order.size(); i += size)
    blocks.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(i),
                        order.begin() + static_cast<std::ptrdiff_t>(std::min(i + size, order.size())));
  return blocks;
}

}  // namespace inc::strategies
