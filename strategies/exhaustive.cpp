#include "strategies/exhaustive.h"

namespace inc::strategies {
namespace {

using search::Point;

/// All points, those first that differ from the fastest one in few operators.
class Walk {
 public:
  explicit Walk(const search::SearchSpace& space) : space_(space), point_(space.fastest()) {
    for (std::size_t i = 0; i < space.dims.size(); ++i)
      if (space.dims[i].options.size() > 1) open_.push_back(i);
  }
  const Point& point() const noexcept { return point_; }

  bool next() {
    if (next_options()) return true;
    if (!next_operators()) {
      if (moved_.size() == open_.size()) return false;
      moved_.push_back(0);
      for (std::size_t i = 0; i < moved_.size(); ++i) moved_[i] = i;
    }
    point_ = space_.fastest();
    for (const std::size_t i : moved_) point_[open_[i]] = 1;
    return true;
  }

 private:
  /// Of the same operators.
  bool next_options() {
    for (std::size_t k = moved_.size(); k-- > 0;) {
      const std::size_t dim = open_[moved_[k]];
      if (++point_[dim] < space_.dims[dim].options.size()) return true;
      point_[dim] = 1;
    }
    return false;
  }

  /// As many others.
  bool next_operators() {
    for (std::size_t k = moved_.size(), left = 0; k-- > 0; ++left) {
      if (moved_[k] + left + 1 == open_.size()) continue;
      ++moved_[k];
      for (std::size_t i = k + 1; i < moved_.size(); ++i) moved_[i] = moved_[i - 1] + 1;
      return true;
    }
    return false;
  }

  const search::SearchSpace& space_;
  std::vector<std::size_t> open_, moved_;  ///< operators with a choice; places in it of those that differ, ascending
  Point point_;
};

/// The first point behind `skipped` others that the history does not hold.
std::optional<Point> first_unseen(const search::SearchSpace& space, const search::History& history, std::size_t skipped) {
  Walk walk(space);
  std::size_t at = 0;
  do {
    if (at++ >= skipped && history.find(walk.point()) == nullptr) return walk.point();
  } while (walk.next());
  return std::nullopt;
}

}  // namespace

std::optional<Point> Exhaustive::ask(const search::History& history) const {
  if (history.size() >= space_.size()) return std::nullopt;
  if (auto point = first_unseen(space_, history, history.size())) return point;
  return first_unseen(space_, history, 0);
}

}  // namespace inc::strategies
