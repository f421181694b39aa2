#pragma once
// How fast a machine with other work was at each moment.
#include <cstddef>
#include <vector>

namespace inc::tuning {

/// A run on the clock.
struct TimedTurn {
  std::size_t runner = 0;  ///< which of the things that take turns
  double ms = 0;
};

/// Per turn how many times as long a run took then as at the quickest moments (the quantile 0.1 of all turns): the median
/// over the turns around it, against what each of them takes itself, which is the median of its turns at these paces. A
/// machine shared with others is 20 % slower for a second at a time; one run that is interrupted does not count. Turns
/// are in order of time, their times greater than 0.
std::vector<double> paces_of(const std::vector<TimedTurn>& turns);

}  // namespace inc::tuning
