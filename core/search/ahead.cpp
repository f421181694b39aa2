#include "core/search/ahead.h"

#include <algorithm>

#include "core/base/error.h"

namespace inc::search {
namespace {

/// A trial that misses by less, or by more, than all that missed before.
Observation imagined(const Point& point, const History& history, bool less) {
  Observation out;
  out.loss = out.divergence = less ? 0.5 : 2;
  const auto beyond = [less](double& value, double seen) {
    value = less ? std::min(value, seen / 2) : std::max(value, 2 * seen);
  };
  for (const Observation& seen : history.all()) {
    if (seen.state != TrialState::Complete || seen.met) continue;
    const double loss = out.loss, divergence = out.divergence;
    out = seen;
    out.loss = loss;
    out.divergence = divergence;
    beyond(out.loss, seen.loss);
    if (seen.divergence >= 0) beyond(out.divergence, seen.divergence);
  }
  out.point = point;
  return out;
}

/// Nothing where something else is to be measured first.
std::optional<Point> next(const Strategy& strategy, const History& history) {
  if (strategy.wants(history).sensitivity && history.sensitivity() == nullptr) return std::nullopt;
  auto point = strategy.ask(history);
  return point && history.find(*point) == nullptr ? point : std::nullopt;
}

}  // namespace

std::vector<Point> Ahead::foreseen(const Point& point, const History& history, std::size_t count) const {
  std::vector<Point> points{point};
  History better = history, worse = history;
  while (points.size() < count) {
    better.push(imagined(points.back(), better, true));
    worse.push(imagined(points.back(), worse, false));
    const auto then = next(strategy_, better);
    if (!then || then != next(strategy_, worse)) break;
    points.push_back(*then);
  }
  return points;
}

Observation Ahead::measure(const Point& point, const History& history, std::size_t most) {
  if (next_) trusted_ = *next_ == point;
  next_.reset();
  if (!early_.empty() && early_.front().first != point) early_.clear();
  if (early_.empty()) {
    const std::size_t trial = history.size() + 1, width = measures_.width;
    std::vector<Point> points{point};
    if (width > 1 && most >= width && history.size() > 0) points = foreseen(point, history, trusted_ ? width : 2);
    if (points.size() > 1) next_ = points[1];
    if (!trusted_ || points.size() < width || width < 2) return measures_.evaluate(point, trial);
    std::vector<Measured> measured = measures_.side_by_side(points, trial);
    INC_CHECK(measured.size() == points.size(), "something came of every trial");
    for (std::size_t i = 0; i < points.size(); ++i) early_.emplace_back(std::move(points[i]), std::move(measured[i]));
  }
  const Measured own = std::move(early_.front().second);
  early_.pop_front();
  next_ = early_.empty() ? std::nullopt : std::optional(early_.front().first);
  if (const auto* stopped = std::get_if<Interrupted>(&own)) throw *stopped;
  return std::get<Observation>(own);
}

}  // namespace inc::search
