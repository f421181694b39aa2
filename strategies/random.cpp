#include "strategies/random.h"

#include "strategies/points.h"

namespace inc::strategies {
std::optional<search::Point> Random::ask(const search::History& history) const {
  if (history.size() < space_.size() && history.find(space_.fastest()) == nullptr) return space_.fastest();
  Rng rng(seed_, history.size());
  return unseen(space_, history, rng, growing_share(history));
}

}  // namespace inc::strategies
