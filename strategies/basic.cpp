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

/// Where operators fall back to: first to what loses next to nothing (BF16 where there is such), then to FP32.
enum class Goal : std::uint8_t { Safe, Last };

std::uint16_t goal_of(const SearchSpace& space, std::size_t dim, Goal goal) {
  const auto& dimension = space.dims[dim];
  return static_cast<std::uint16_t>(goal == Goal::Safe ? dimension.fallback() : dimension.options.size() - 1);
}

/// Points that move every operator to its k-th 8-bit variant, as far as it has one.
std::vector<Point> variants(const SearchSpace& space) {
  std::vector<Point> points;
  for (std::size_t k = 1; k <= kMostVariants; ++k) {
    Point point = space.fastest();
    bool moved = false;
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (k >= goal_of(space, i, Goal::Safe)) continue;
      point[i] = static_cast<std::uint16_t>(k);
      moved = true;
    }
    if (moved) points.push_back(point);
  }
  return points;
}

Point fall_back(Point point, const SearchSpace& space, const Block& block, Goal goal) {
  for (const std::size_t dim : block) point[dim] = goal_of(space, dim, goal);
  return point;
}

/// Operators that can still fall back, in reverse graph order, alone or in blocks of neighbours.
std::vector<Block> blocks(const SearchSpace& space, const Point& base, Goal goal) {
  Block movable;
  for (std::size_t i = space.dims.size(); i-- > 0;)
    if (base[i] < goal_of(space, i, goal)) movable.push_back(i);
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
  Goal goal = Goal::Safe;
  bool by_output = false;

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
      if (distance(*seen) < least) {
        least = distance(*seen);
        best = point;
      }
    }
    return best;
  }

  /// How far a point is from FP32: by its outputs when the history measures that everywhere, otherwise by its loss.
  double distance(const Observation& seen) const {
    if (seen.state != search::TrialState::Complete) return std::numeric_limits<double>::infinity();
    return by_output ? seen.divergence : seen.loss;
  }

  /// Blocks by falling gain; nullopt while they are not all tried.
  std::optional<std::vector<Block>> ranked(const Point& start) {
    std::vector<Block> all = blocks(space, start, goal);
    std::vector<const Observation*> singles;
    for (const Block& block : all) {
      singles.push_back(tried(fall_back(start, space, block, goal)));
      if (singles.back() == nullptr) return std::nullopt;
    }
    by_output = std::all_of(singles.begin(), singles.end(), [](const Observation* seen) {
      return seen->state != search::TrialState::Complete || seen->divergence >= 0;
    });
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return distance(*singles[a]) < distance(*singles[b]); });
    std::vector<Block> sorted;
    for (const std::size_t i : order) sorted.push_back(std::move(all[i]));
    return sorted;
  }

  /// Adds fallbacks one at a time; `choosy` keeps only those that bring the outputs nearer to FP32's.
  /// Whether the plan is over: a point is to be tried, or the target was met.
  bool accumulate(Point& point, const Point& start, const std::vector<Block>& order, bool choosy) {
    for (const Block& block : order) {
      const Point more = fall_back(point, space, block, goal);
      if (more == point) continue;
      const Observation* seen = tried(more);
      if (seen == nullptr) return true;
      if (seen->met) {
        polish(more, start, order);
        return true;
      }
      if (!choosy || distance(*seen) < distance(*tried(point))) point = more;
    }
    return false;
  }

  /// Tries fewer fallbacks than the point that met the target has, least useful first.
  void polish(Point kept, const Point& start, const std::vector<Block>& order) {
    for (auto block = order.rbegin(); block != order.rend(); ++block) {
      for (const std::size_t dim : *block) {
        if (kept[dim] == start[dim]) continue;
        Point fewer = kept;
        fewer[dim] = start[dim];
        const Observation* seen = tried(fewer);
        if (seen == nullptr) return;
        if (seen->met) kept = fewer;
      }
    }
  }

  /// Walks from a point to its fallbacks; whether the plan is over. Afterwards `point` has them all.
  bool walk(Point& point) {
    const Point start = point;
    const auto order = ranked(start);
    if (!order) return true;
    if (accumulate(point, start, *order, true)) return true;
    return accumulate(point, start, *order, false);
  }

  void run() {
    const auto start = base();
    if (!start || tried(*start)->met) return;
    Point point = *start;
    if (walk(point)) return;
    goal = Goal::Last;
    walk(point);
  }
};

}  // namespace

std::optional<Point> Basic::ask(const search::History& history) const {
  Plan plan{space_, Replay(history)};
  plan.run();
  return plan.tried.answer();
}

}  // namespace inc::strategies
