#include "core/tuning/cost_pace.h"

#include <algorithm>
#include <cmath>

#include "core/tuning/latency.h"

namespace inc::tuning {
namespace {

constexpr std::size_t kAround = 3;
constexpr int kIterations = 10;
constexpr double kQuickest = 0.1;

}  // namespace

std::vector<double> paces_of(const std::vector<TimedTurn>& turns) {
  std::size_t runners = 0;
  for (const TimedTurn& turn : turns) runners = std::max(runners, turn.runner + 1);
  std::vector<double> pace(turns.size()), own(runners);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    std::vector<std::vector<double>> left(runners);
    for (std::size_t t = 0; t < turns.size(); ++t) left[turns[t].runner].push_back(std::log(turns[t].ms) - pace[t]);
    for (std::size_t i = 0; i < runners; ++i) own[i] = percentile(left[i], 0.5);
    for (std::size_t t = 0; t < turns.size(); ++t) {
      std::vector<double> near;
      for (std::size_t u = t < kAround ? 0 : t - kAround; u < std::min(t + kAround + 1, turns.size()); ++u)
        near.push_back(std::log(turns[u].ms) - own[turns[u].runner]);
      pace[t] = percentile(near, 0.5);
    }
  }
  const double quickest = percentile(pace, kQuickest);
  for (double& p : pace) p = std::exp(p - quickest);
  return pace;
}

}  // namespace inc::tuning
