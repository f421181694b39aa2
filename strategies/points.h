#pragma once
// Points of a space, drawn or counted.
#include "core/base/rng.h"
#include "core/search/search.h"

namespace inc::strategies {

/// How many operators fall back is drawn first, uniformly from none to `share` of them: if each fell back by the toss of a
/// coin, every draw would have half of them in FP32. Which ones, and the option of each, is uniform.
search::Point draw(const search::SearchSpace& space, Rng& rng, double share = 1);
/// Grows by a 25th per trial from none to all, so that few fallbacks are tried before many.
double growing_share(const search::History& history);
/// In lexicographic order, from the fastest point; index < space.size().
search::Point nth(const search::SearchSpace& space, std::uint64_t index);
/// A draw that the history does not hold; nothing when it holds every point. Never materialises the space.
std::optional<search::Point> unseen(const search::SearchSpace& space, const search::History& history, Rng& rng,
                                    double share = 1);

/// What meets the target before what misses it, by rising cost and by rising loss; failures last.
std::vector<const search::Observation*> best_first(const search::History& history);

}  // namespace inc::strategies
