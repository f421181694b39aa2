#include "strategies/bayesian.h"

#include <algorithm>
#include <cmath>

#include "strategies/math/gaussian_process.h"
#include "strategies/points.h"

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;

constexpr std::size_t kFirst = 10, kParents = 3, kMostPoints = 150;
constexpr int kDraws = 512;

bool complete(const Observation& seen) {
  return seen.state == search::TrialState::Complete && std::isfinite(seen.loss) && std::isfinite(seen.cost);
}

/// What the trials say of points that were not tried. Of a long history the best.
class Model {
 public:
  explicit Model(std::span<const Observation* const> sorted) {
    std::vector<Point> points, costed;
    std::vector<double> losses, costs;
    double worst = 0;
    for (const Observation* seen : sorted)
      if (complete(*seen)) worst = std::max(worst, seen->loss);
    for (const Observation* seen : sorted.first(std::min(sorted.size(), kMostPoints))) {
      points.push_back(seen->point);
      losses.push_back(complete(*seen) ? seen->loss : worst);
      if (!complete(*seen)) continue;
      costed.push_back(seen->point);
      costs.push_back(seen->cost);
      if (seen->met) fastest_ = met_ ? std::min(fastest_, seen->cost) : seen->cost;
      if (seen->met) bound_ = met_ ? std::max(bound_, seen->loss) : seen->loss;
      met_ = met_ || seen->met;
      least_ = costs.size() == 1 ? seen->loss : std::min(least_, seen->loss);
    }
    loss_ = std::make_unique<const GaussianProcess>(std::move(points), losses);
    if (!costs.empty()) cost_ = std::make_unique<const GaussianProcess>(std::move(costed), costs);
  }
  double promise(const Point& point) const {
    const Prediction loss = loss_->at(point);
    if (!met_ || !cost_) return expected_improvement(loss, least_);
    return expected_improvement(cost_->at(point), fastest_) * probability_below(loss, bound_);
  }

 private:
  std::unique_ptr<const GaussianProcess> loss_, cost_;
  double fastest_ = 0, bound_ = 0, least_ = 0;
  bool met_ = false;
};

std::vector<Point> candidates(const search::SearchSpace& space, std::span<const Observation* const> sorted, Rng& rng) {
  std::vector<Point> points;
  for (const Observation* parent : sorted.first(std::min(sorted.size(), kParents)))
    for (std::size_t i = 0; i < space.dims.size(); ++i)
      for (std::size_t option = 0; option < space.dims[i].options.size(); ++option) {
        points.push_back(parent->point);
        points.back()[i] = static_cast<std::uint16_t>(option);
      }
  for (int i = 0; i < kDraws; ++i) points.push_back(draw(space, rng));
  return points;
}

}  // namespace

std::optional<Point> Bayesian::ask(const search::History& history) const {
  if (history.size() < space_.size() && history.find(space_.fastest()) == nullptr) return space_.fastest();
  Rng rng(seed_, history.size());
  if (history.size() < kFirst || history.size() >= space_.size())
    return unseen(space_, history, rng, growing_share(history));
  const auto sorted = best_first(history);
  const Model model(sorted);
  std::optional<Point> best;
  double most = 0;
  for (Point& point : candidates(space_, sorted, rng)) {
    if (history.find(point) != nullptr) continue;
    const double promise = model.promise(point);
    if (best && promise <= most) continue;
    best = std::move(point);
    most = promise;
  }
  return best ? best : unseen(space_, history, rng);
}

}  // namespace inc::strategies
