#include "strategies/ladder.h"

#include <algorithm>
#include <cmath>

namespace inc::strategies {
namespace {

using search::Point;

constexpr double kEnormous = 1e6;
constexpr int kPrices = 17, kMostSweeps = 4;
/// Beyond that many operators only pairs of neighbours move together.
constexpr std::size_t kLongest = 4, kManyOperators = 64;

double part(const search::Sensitivity& sensitivity, std::size_t dim, std::size_t option) {
  const double value = sensitivity.output[dim][option];
  return std::isfinite(value) ? std::min(value, kEnormous) : kEnormous;
}

class Builder {
 public:
  Builder(const search::SearchSpace& space, const search::Sensitivity& sensitivity,
          const std::function<double(const Point&)>& cost)
      : space_(space), sensitivity_(sensitivity), cost_(cost) {}

  std::vector<Rung> build() {
    const Rung last = rung(most_faithful());
    Rung rung = this->rung(descend(space_.fastest(), 0));
    add(rung);
    const double unit = std::max(1e-12, last.cost - rung.cost) / std::max(1e-30, rung.divergence - last.divergence);
    for (int k = 0; k < kPrices && rung.point != last.point; ++k) {
      Rung next = this->rung(descend(rung.point, unit * std::exp2(k - 4)));
      fill(rung, next);
      rung = std::move(next);
      add(rung);
    }
    fill(rung, last);
    add(last);
    return pareto();
  }

 private:
  double cost_of(const Point& point) const { return predicted_cost(cost_, point); }
  Rung rung(Point point) const {
    const double cost = cost_of(point), divergence = predicted_divergence(sensitivity_, point);
    return {std::move(point), cost, divergence};
  }
  void add(Rung rung) { rungs_.push_back(std::move(rung)); }

  Point most_faithful() const {
    Point point;
    for (std::size_t i = 0; i < space_.dims.size(); ++i) {
      std::uint16_t best = 0;
      for (std::uint16_t o = 1; o < space_.dims[i].options.size(); ++o)
        if (part(sensitivity_, i, o) <= part(sensitivity_, i, best)) best = o;
      point.push_back(best);
    }
    return point;
  }

  /// Puts dimensions [first, last) at `option`, as far as they have it, when that lowers the Lagrangian.
  bool improve(Rung& at, double price, std::size_t first, std::size_t last, std::size_t option) const {
    Rung moved = at;
    for (std::size_t i = first; i < last; ++i)
      set(moved, i, static_cast<std::uint16_t>(std::min(option, space_.dims[i].options.size() - 1)));
    if (moved.point == at.point) return false;
    moved.cost = cost_of(moved.point);
    if (!(moved.cost + price * moved.divergence < at.cost + price * at.divergence)) return false;
    at = std::move(moved);
    return true;
  }

  void set(Rung& rung, std::size_t dim, std::uint16_t option) const {
    rung.divergence += part(sensitivity_, dim, option) - part(sensitivity_, dim, rung.point[dim]);
    rung.point[dim] = option;
  }

  Point descend(Point point, double price) const {
    const std::size_t n = point.size(), longest = n > kManyOperators ? 2 : kLongest;
    Rung at = rung(std::move(point));
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      bool moved = false;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t length = 1; length <= std::min(longest, n - i); ++length)
          for (std::size_t option = 0; option < space_.dims[i].options.size(); ++option)
            moved = improve(at, price, i, i + length, option) || moved;
      if (!moved) break;
    }
    return at.point;
  }

  void fill(const Rung& from, const Rung& to) {
    Rung current = from;
    for (;;) {
      std::optional<Rung> best;
      double most = 0;
      std::size_t left = 0;
      for (std::size_t i = 0; i < current.point.size(); ++i) {
        if (current.point[i] == to.point[i]) continue;
        ++left;
        Rung next = current;
        set(next, i, to.point[i]);
        next.cost = cost_of(next.point);
        const double ratio = (current.divergence - next.divergence) / std::max(1e-12, next.cost - current.cost);
        if (best && ratio <= most) continue;
        best = std::move(next);
        most = ratio;
      }
      if (left <= 1) return;
      current = *best;
      add(current);
    }
  }

  std::vector<Rung> pareto() {
    std::stable_sort(rungs_.begin(), rungs_.end(), [](const Rung& a, const Rung& b) {
      return a.cost != b.cost ? a.cost < b.cost : a.divergence < b.divergence;
    });
    std::vector<Rung> front;
    for (Rung& rung : rungs_)
      if (front.empty() || rung.divergence < front.back().divergence) front.push_back(std::move(rung));
    return front;
  }

  const search::SearchSpace& space_;
  const search::Sensitivity& sensitivity_;
  const std::function<double(const Point&)>& cost_;
  std::vector<Rung> rungs_;
};

}  // namespace

double predicted_divergence(const search::Sensitivity& sensitivity, const Point& point) {
  double sum = 0;
  for (std::size_t i = 0; i < point.size(); ++i) sum += part(sensitivity, i, point[i]);
  return sum;
}

double predicted_cost(const std::function<double(const Point&)>& cost, const Point& point) {
  if (cost) return cost(point);
  return static_cast<double>(std::count_if(point.begin(), point.end(), [](auto option) { return option != 0; }));
}

std::vector<Rung> ladder(const search::SearchSpace& space, const search::Sensitivity& sensitivity,
                         const std::function<double(const Point&)>& cost) {
  return Builder(space, sensitivity, cost).build();
}

}  // namespace inc::strategies
