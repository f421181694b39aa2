#include "strategies/auto.h"

#include <algorithm>
#include <cmath>

#include "strategies/belief.h"
#include "strategies/ladder.h"

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;

/// Of FP32's cost: what a trial must promise once a point has met the target.
constexpr double kLeastGain = 0.005;
/// Of the fastest point's loss, where it is not known how much is allowed.
constexpr double kGuess = 0.1;

class Plan {
 public:
  Plan(const search::SearchSpace& space, const search::Knowledge& knowledge, const search::History& history,
       const Observation& fastest)
      : space_(space),
        knowledge_(knowledge),
        history_(history),
        sensitivity_(*history.sensitivity()),
        allowed_(knowledge.allowed_loss > 0 ? knowledge.allowed_loss : guess(history, fastest)),
        rungs_(ladder(space, sensitivity_, knowledge.cost)) {
    std::vector<Seen> seen;
    for (const Observation& one : history.all())
      if (one.state == search::TrialState::Complete)
        seen.push_back({predicted_divergence(sensitivity_, one.point), one.loss,
                        one.loss_error / std::sqrt(std::max(1e-3, one.full_evaluations > 0 ? one.full_evaluations : 1))});
    belief_.emplace(seen, allowed_);
  }

  std::optional<Point> next() {
    const Observation* best = history_.best();
    const bool met = best != nullptr && best->met;
    if (met && spent()) return std::nullopt;
    bound_ = met ? cost(best->point) : 1.02 * rungs_.back().cost;
    least_chance_ = met ? 0 : 1 - std::exp2(-static_cast<double>(history_.size()));
    for (const Rung& rung : rungs_) consider(rung.point, rung.cost, rung.divergence);
    if (!met && !chosen_) return unseen_rung();
    if (met) consider_moves(best->point);
    if (!chosen_ || (met && promise_ < kLeastGain * rungs_.back().cost)) return std::nullopt;
    return chosen_;
  }

 private:
  /// Between what met the target and what missed it.
  static double guess(const search::History& history, const Observation& fastest) {
    double met = -1, missed = fastest.loss;
    for (const Observation& seen : history.all()) {
      if (seen.state != search::TrialState::Complete) continue;
      if (seen.met)
        met = std::max(met, seen.loss);
      else
        missed = std::min(missed, seen.loss);
    }
    return met < 0 ? std::min(kGuess * fastest.loss, missed / 2) : (met + std::max(met, missed)) / 2;
  }

  bool spent() const {
    return knowledge_.full_evaluations > 0 && history_.full_evaluations() >= knowledge_.full_evaluations;
  }

  double cost(const Point& point) const { return predicted_cost(knowledge_.cost, point); }

  /// Takes the point when it promises more than the best so far: what it saves, times the chance that it meets the target.
  void consider(const Point& point, double cost, double divergence) {
    if (cost >= bound_ || (chosen_ && bound_ - cost <= promise_)) return;
    const double chance = belief_->chance(divergence), promise = (bound_ - cost) * chance;
    if (chance < least_chance_) return;
    if ((chosen_ && promise <= promise_) || history_.find(point) != nullptr) return;
    chosen_ = point;
    promise_ = promise;
  }

  /// The most faithful one.
  std::optional<Point> unseen_rung() const {
    for (auto rung = rungs_.rbegin(); rung != rungs_.rend(); ++rung)
      if (history_.find(rung->point) == nullptr) return rung->point;
    return std::nullopt;
  }

  template <class Act>
  void each_option(const Point& point, std::size_t dim, const Act& act) const {
    for (std::uint16_t option = 0; option < space_.dims[dim].options.size(); ++option) {
      if (option == point[dim]) continue;
      Point moved = point;
      moved[dim] = option;
      act(moved);
    }
  }

  /// Other options of one operator, or of two.
  void consider_moves(const Point& from) {
    const auto look = [&](const Point& point) { consider(point, cost(point), predicted_divergence(sensitivity_, point)); };
    for (std::size_t i = 0; i < from.size(); ++i)
      each_option(from, i, [&](const Point& one) {
        look(one);
        for (std::size_t j = 0; j < i; ++j) each_option(one, j, look);
      });
  }

  const search::SearchSpace& space_;
  const search::Knowledge& knowledge_;
  const search::History& history_;
  const search::Sensitivity& sensitivity_;
  double allowed_;
  std::vector<Rung> rungs_;
  std::optional<Belief> belief_;
  double bound_ = 0, promise_ = 0, least_chance_ = 0;
  std::optional<Point> chosen_;
};

}  // namespace

std::optional<Point> Auto::ask(const search::History& history) const {
  const Observation* fastest = history.find(space_.fastest());
  if (fastest == nullptr) return space_.fastest();
  if (fastest->met || history.sensitivity() == nullptr) return std::nullopt;
  return Plan(space_, knowledge_, history, *fastest).next();
}

search::Wants Auto::wants(const search::History& history) const {
  const Observation* fastest = history.find(space_.fastest());
  return {fastest != nullptr && !fastest->met};
}

}  // namespace inc::strategies
