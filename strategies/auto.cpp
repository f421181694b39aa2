#include "strategies/auto.h"

#include <algorithm>
#include <cmath>

#include "strategies/ladder.h"
#include "strategies/replay.h"

namespace inc::strategies {
namespace {

using search::Observation;
using search::Point;

/// Of what is allowed, before and after a rung has met the target; of FP32's cost; failures of the polish in a row.
constexpr double kAim = 0.8, kFineAim = 0.95, kNoise = 0.005;
constexpr int kPatience = 3;

class Plan {
 public:
  Plan(const search::SearchSpace& space, const search::Knowledge& knowledge, const search::History& history)
      : space_(space), knowledge_(knowledge), history_(history), tried_(history) {}

  std::optional<Point> next() {
    const Observation* fastest = tried_(space_.fastest());
    if (fastest == nullptr || fastest->met || history_.sensitivity() == nullptr) return tried_.answer();
    if (spent()) return std::nullopt;
    rungs_ = ladder(space_, *history_.sensitivity(), knowledge_.cost);
    std::erase_if(rungs_, [&](const Rung& rung) { return rung.point == fastest->point; });
    learn(predicted_divergence(*history_.sensitivity(), fastest->point), *fastest);
    if (const Rung* best = bisect()) polish(*best);
    return tried_.answer();
  }

 private:
  struct Miss {
    double divergence, loss;
  };

  bool spent() const {
    const Observation* best = history_.best();
    if (best == nullptr || !best->met || knowledge_.full_evaluations <= 0) return false;
    double sum = history_.sensitivity()->full_evaluations;
    for (const Observation& seen : history_.all()) sum += seen.full_evaluations;
    return sum >= knowledge_.full_evaluations;
  }

  double noise() const { return kNoise * rungs_.back().cost; }

  void learn(double divergence, const Observation& seen) {
    if (seen.state == search::TrialState::Complete && seen.loss > 0 && divergence > 0)
      misses_.push_back({divergence, seen.loss});
  }

  /// How loss grows with divergence, by the misses.
  double exponent() const {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (const Miss& miss : misses_) {
      const double a = std::log(miss.divergence), b = std::log(miss.loss);
      n += 1;
      x += a;
      y += b;
      xx += a * a;
      xy += a * b;
    }
    const double spread = n * xx - x * x;
    return spread > 1e-9 ? std::clamp((n * xy - x * y) / spread, 0.5, 2.0) : 1.0;
  }

  /// The divergence that is said to lose that share of what is allowed; 0 where nothing is known.
  double losing(double share) const {
    if (misses_.empty() || !(knowledge_.allowed_loss > 0)) return 0;
    const Miss& nearest = *std::min_element(misses_.begin(), misses_.end(),
                                            [](const Miss& a, const Miss& b) { return a.divergence < b.divergence; });
    return nearest.divergence * std::pow(std::min(1.0, share * knowledge_.allowed_loss / nearest.loss), 1 / exponent());
  }

  /// The rung to try of the open ones [low, high): the one the misses point at; without a hint, the middle.
  std::size_t choose(std::size_t low, std::size_t high, double aim) const {
    const double limit = losing(aim);
    if (limit <= 0) return low + (high - low) / 2;
    const auto open = rungs_.begin() + static_cast<std::ptrdiff_t>(low);
    const auto found = std::find_if(open, rungs_.begin() + static_cast<std::ptrdiff_t>(high),
                                    [&](const Rung& rung) { return rung.divergence <= limit; });
    return std::min(static_cast<std::size_t>(found - rungs_.begin()), high - 1);
  }

  /// The fastest rung that meets the target; nullptr while it is not known, or where none does.
  const Rung* bisect() {
    std::size_t low = 0, high = rungs_.size();
    const Rung* best = nullptr;
    double aim = kAim;
    while (low < high) {
      if (best != nullptr && best->cost - rungs_[low].cost < noise()) break;
      const std::size_t at = aim > 0 ? choose(low, high, aim) : low + (high - low) / 2;
      const Observation* seen = tried_(rungs_[at].point);
      if (seen == nullptr) return nullptr;
      if (seen->met) {
        aim = best == nullptr ? kFineAim : 0;
        best = &rungs_[at];
        high = at;
      } else {
        aim = best != nullptr || seen->state == search::TrialState::Failed ? 0 : aim;
        learn(rungs_[at].divergence, *seen);
        low = at + 1;
      }
    }
    return best;
  }

  struct Move {
    Rung to;
    double saved, lost;
    bool promising;  ///< said to meet the target
  };

  void consider(const Rung& from, Point point, double limit, std::vector<Move>& all) const {
    const double found = cost(point);
    if (from.cost - found < noise()) return;
    const double divergence = predicted_divergence(*history_.sensitivity(), point);
    const double lost = std::max(divergence - from.divergence, 1e-30);
    all.push_back({{std::move(point), found, divergence}, from.cost - found, lost, divergence <= limit});
  }

  /// What is faster by more than the noise: what is said to meet the target, most saved first; then single operators at
  /// faster options, most saved per divergence first.
  std::vector<Move> moves(const Rung& from) const {
    const double limit = std::max(from.divergence, losing(1));
    std::vector<Move> all, pairs;
    const auto each_option = [&](const Point& point, std::size_t dim, const auto& act) {
      for (std::uint16_t option = 0; option < space_.dims[dim].options.size(); ++option) {
        if (option == point[dim]) continue;
        Point moved = point;
        moved[dim] = option;
        act(std::move(moved));
      }
    };
    for (std::size_t i = 0; i < from.point.size(); ++i)
      each_option(from.point, i, [&](Point one) {
        for (std::size_t j = 0; j < i; ++j)
          each_option(one, j, [&](Point two) { consider(from, std::move(two), limit, pairs); });
        consider(from, std::move(one), limit, all);
      });
    std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(all), [](const Move& move) { return move.promising; });
    std::stable_sort(all.begin(), all.end(), [](const Move& a, const Move& b) {
      if (a.promising != b.promising) return a.promising;
      return a.promising ? a.saved > b.saved : a.saved * b.lost > b.saved * a.lost;
    });
    return all;
  }

  double cost(const Point& point) const {
    if (knowledge_.cost) return knowledge_.cost(point);
    return static_cast<double>(std::count_if(point.begin(), point.end(), [](auto option) { return option != 0; }));
  }

  /// Moves from the best point until three in a row have failed; each failure lowers what is promising.
  void polish(Rung best) {
    std::vector<Point> rejected;
    for (const Rung& rung : rungs_) rejected.push_back(rung.point);
    for (int failures = 0; failures < kPatience;) {
      const std::vector<Move> all = moves(best);
      const auto move = std::find_if(all.begin(), all.end(), [&](const Move& m) {
        return std::find(rejected.begin(), rejected.end(), m.to.point) == rejected.end();
      });
      if (move == all.end()) return;
      const Observation* seen = tried_(move->to.point);
      if (seen == nullptr) return;
      if (seen->met) {
        best = move->to;
        failures = 0;
      } else {
        learn(move->to.divergence, *seen);
        rejected.push_back(move->to.point);
        ++failures;
      }
    }
  }

  const search::SearchSpace& space_;
  const search::Knowledge& knowledge_;
  const search::History& history_;
  Replay tried_;
  std::vector<Rung> rungs_;
  std::vector<Miss> misses_;
};

}  // namespace

std::optional<Point> Auto::ask(const search::History& history) const {
  return Plan(space_, knowledge_, history).next();
}

search::Wants Auto::wants(const search::History& history) const {
  const Observation* fastest = history.find(space_.fastest());
  return {fastest != nullptr && !fastest->met};
}

}  // namespace inc::strategies
