#pragma once
// Points of a space, drawn or counted.
#include "core/base/rng.h"
#include "core/search/search.h"

namespace inc::strategies {

search::Point draw(const search::SearchSpace& space, Rng& rng);
/// In lexicographic order, from the fastest point; index < space.size().
search::Point nth(const search::SearchSpace& space, std::uint64_t index);
/// Uniform among the points that the history does not hold; nothing when it holds them all. Never materialises the space.
std::optional<search::Point> unseen(const search::SearchSpace& space, const search::History& history, Rng& rng);

/// What meets the target before what misses it, by rising cost and by rising loss; failures last.
std::vector<const search::Observation*> best_first(const search::History& history);

}  // namespace inc::strategies
