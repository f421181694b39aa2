#pragma once
// From the fastest point to the most faithful one: points that no other betters in predicted cost and divergence.
#include <functional>
#include <vector>

#include "core/search/search.h"

namespace inc::strategies {

struct Rung {
  search::Point point;
  double cost = 0;        ///< predicted
  double divergence = 0;  ///< the sum of what its options do alone (Sensitivity::output)
};

/// Divergences of small independent errors add up; this is the sum. An option that cannot be executed counts as enormous.
double predicted_divergence(const search::Sensitivity& sensitivity, const search::Point& point);

/// What `cost` predicts; without it, every operator that leaves its first option costs the same.
double predicted_cost(const std::function<double(const search::Point&)>& cost, const search::Point& point);

/// Rungs by rising cost and falling divergence; neighbours differ in few operators. "Least cost for at most so much
/// divergence" is solved by Lagrangian relaxation (Everett, 1963; for bit widths: Shoham and Gersho, 1988): for rising
/// prices of divergence, descent over single operators and over runs of up to four neighbours that move together, each price
/// starting from the solution of the one before. Between two solutions, operators move one by one, the best ratio first.
std::vector<Rung> ladder(const search::SearchSpace& space, const search::Sensitivity& sensitivity,
                         const std::function<double(const search::Point&)>& cost);

}  // namespace inc::strategies
