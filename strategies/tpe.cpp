#include "strategies/tpe.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "strategies/points.h"

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;

constexpr std::size_t kFirst = 10, kMostGood = 25;
constexpr int kCandidates = 64;

/// Per operator, how often each option occurs, with one of each to begin with.
class Frequencies {
 public:
  Frequencies(const search::SearchSpace& space, std::span<const Observation* const> seen) {
    for (std::size_t i = 0; i < space.dims.size(); ++i) {
      counts_.emplace_back(space.dims[i].options.size(), 1.0);
      for (const Observation* one : seen) counts_[i][one->point[i]] += 1;
      totals_.push_back(static_cast<double>(seen.size() + space.dims[i].options.size()));
    }
  }
  Point draw(Rng& rng) const {
    Point point;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      double left = rng.uniform() * totals_[i];
      std::size_t option = 0;
      while (option + 1 < counts_[i].size() && left >= counts_[i][option]) left -= counts_[i][option++];
      point.push_back(static_cast<std::uint16_t>(option));
    }
    return point;
  }
  double log_of(const Point& point) const {
    double sum = 0;
    for (std::size_t i = 0; i < point.size(); ++i) sum += std::log(counts_[i][point[i]] / totals_[i]);
    return sum;
  }

 private:
  std::vector<std::vector<double>> counts_;
  std::vector<double> totals_;
};

}  // namespace

std::optional<Point> Tpe::ask(const search::History& history) const {
  if (history.size() < space_.size() && history.find(space_.fastest()) == nullptr) return space_.fastest();
  Rng rng(seed_, history.size());
  if (history.size() < kFirst) return unseen(space_, history, rng, growing_share(history));
  const auto sorted = best_first(history);
  const std::size_t good = std::min(kMostGood, (sorted.size() + 3) / 4);
  const Frequencies l(space_, std::span(sorted).first(good)), g(space_, std::span(sorted).subspan(good));
  std::optional<Point> best;
  double most = 0;
  for (int i = 0; i < kCandidates; ++i) {
    Point point = l.draw(rng);
    const double ratio = l.log_of(point) - g.log_of(point);
    if ((best && ratio <= most) || history.find(point) != nullptr) continue;
    best = std::move(point);
    most = ratio;
  }
  return best ? best : unseen(space_, history, rng);
}

}  // namespace inc::strategies
