#include "strategies/basic.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "strategies/replay.h"

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;
using search::SearchSpace;

constexpr std::size_t kMostVariants = 4, kMostSingles = 48, kBlocks = 32;
using Block = std::vector<std::size_t>;

double loss_of(const Observation& seen) {
  return seen.state == search::TrialState::Complete ? seen.loss : std::numeric_limits<double>::infinity();
}

std::uint16_t last_option(const SearchSpace& space, std::size_t dim) {
  return static_cast<std::uint16_t>(space.dims[dim].options.size() - 1);
}

/// Points that move every operator to its k-th 8-bit variant, as far as it has one.
std::vector<Point> variants(const SearchSpace& space) {
  std::vector<Point> points;
  for (std::size_t k = 1; k <= kMostVariants; ++k) {
    Point point = space.fastest();
    bool moved = false;
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (k >= last_option(space, i)) continue;
      point[i] = static_cast<std::uint16_t>(k);
      moved = true;
    }
    if (moved) points.push_back(point);
  }
  return points;
}

Point fall_back(Point point, const SearchSpace& space, const Block& block) {
  for (const std::size_t dim : block) point[dim] = last_option(space, dim);
  return point;
}

/// Operators that can still fall back, in reverse graph order, alone or in blocks of neighbours.
std::vector<Block> blocks(const SearchSpace& space, const Point& base) {
  Block movable;
  for (std::size_t i = space.dims.size(); i-- > 0;)
    if (base[i] != last_option(space, i)) movable.push_back(i);
  const std::size_t size = movable.size() <= kMostSingles ? 1 : (movable.size() + kBlocks - 1) / kBlocks;
  std::vector<Block> all;
  for (std::size_t i = 0; i < movable.size(); i += size)
    all.emplace_back(movable.begin() + static_cast<std::ptrdiff_t>(i),
                     movable.begin() + static_cast<std::ptrdiff_t>(std::min(i + size, movable.size())));
  return all;
}

struct Plan {
  const SearchSpace& space;
  Replay tried;

  /// The lowest loss among the fastest point and the variants; nullopt while they are not all tried.
  std::optional<Point> base() {
    std::vector<Point> points{space.fastest()};
    for (auto& point : variants(space)) points.push_back(std::move(point));
    Point best = points.front();
    double least = std::numeric_limits<double>::infinity();
    for (const Point& point : points) {
      const Observation* seen = tried(point);
      if (seen == nullptr) return std::nullopt;
      if (seen->met) return point;
      if (loss_of(*seen) < least) {
        least = loss_of(*seen);
        best = point;
      }
    }
    return best;
  }

  /// Blocks by falling gain; nullopt while they are not all tried.
  std::optional<std::vector<Block>> ranked(const Point& start) {
    std::vector<Block> all = blocks(space, start);
    std::vector<double> losses;
    for (const Block& block : all) {
      const Observation* seen = tried(fall_back(start, space, block));
      if (seen == nullptr) return std::nullopt;
      losses.push_back(loss_of(*seen));
    }
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return losses[a] < losses[b]; });
    std::vector<Block> sorted;
    for (const std::size_t i : order) sorted.push_back(std::move(all[i]));
    return sorted;
  }

  /// Tries fewer fallbacks than the point that met the target has, least useful first.
  void polish(Point kept, const Point& start, const std::vector<Block>& fallbacks) {
    for (std::size_t i = fallbacks.size(); i-- > 0;) {
      for (const std::size_t dim : fallbacks[i]) {
        Point fewer = kept;
        fewer[dim] = start[dim];
        const Observation* seen = tried(fewer);
        if (seen == nullptr) return;
        if (seen->met) kept = fewer;
      }
    }
  }

  void run() {
    const auto start = base();
    if (!start || tried(*start)->met) return;
    const auto order = ranked(*start);
    if (!order) return;
    Point point = *start;
    for (std::size_t i = 0; i < order->size(); ++i) {
      point = fall_back(point, space, (*order)[i]);
      const Observation* seen = tried(point);
      if (seen == nullptr) return;
      if (seen->met) return polish(point, *start, {order->begin(), order->begin() + static_cast<std::ptrdiff_t>(i) + 1});
    }
  }
};

}  // namespace

std::optional<Point> Basic::ask(const search::History& history) const {
  Plan plan{space_, Replay(history)};
  plan.run();
  return plan.tried.answer();
}

}  // namespace inc::strategies
