#pragma once
#include <cstdint>

#include "core/search/search.h"

namespace inc::strategies {

/// Draws without repetition, after the fastest point; ends when the space is exhausted. How many operators fall back is
/// drawn first, uniformly from none to a limit that grows by a 25th of them per trial, so that the target is met by few
/// fallbacks where few can meet it; which ones, and the option of each operator, is uniform. The draw for trial n depends on
/// (seed, n) and on what was tried. Nothing is materialised unless a small space is nearly exhausted.
class Random : public search::Strategy {
 public:
  Random(search::SearchSpace space, std::uint64_t seed) : space_(std::move(space)), seed_(seed) {}
  std::optional<search::Point> ask(const search::History& history) const override;
  std::string_view name() const override { return "random"; }

 private:
  search::SearchSpace space_;
  std::uint64_t seed_;
};

}  // namespace inc::strategies
