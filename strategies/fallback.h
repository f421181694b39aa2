#pragma once
// The stages of strategies that let operators fall back: written straight through, as functions of the history (replay.h).
#include <vector>

#include "strategies/replay.h"

namespace inc::strategies {

/// Operators that fall back together, in the order of the stage that made them.
using Block = std::vector<std::size_t>;

/// Where operators fall back to: first to what loses next to nothing (BF16 where there is such), then to FP32.
enum class Goal : std::uint8_t { Safe, Last };

class Fallback {
 public:
  Fallback(const search::SearchSpace& space, const search::History& history) : space_(space), tried_(history) {}

  /// The fastest point, then type after type of operators every other 8-bit variant for all of that type, kept where it is
  /// nearer to FP32; at most `most` such trials. Nothing while a point is to be tried, or when one met the target.
  std::optional<search::Point> base(std::size_t most);
  /// The operators of the point that can still fall back to the goal, in reverse order of the graph.
  std::vector<std::size_t> movable(const search::Point& point, Goal goal) const;
  /// The blocks one by one, sorted by what each gains; nothing while they are not all tried.
  std::optional<std::vector<Block>> by_gain(const search::Point& start, const std::vector<Block>& blocks, Goal goal);
  /// Adds block after block to the point. When the target is met, what was added is given back one operator at a time, the
  /// last first, keeping what still meets it. Whether the plan is over: a point is to be tried, or the target was met.
  bool accumulate(search::Point& point, const std::vector<Block>& order, Goal goal);

  const std::optional<search::Point>& answer() const noexcept { return tried_.answer(); }

 private:
  double distance(const search::Observation& seen, bool by_output) const;
  search::Point fall_back(search::Point point, const Block& block, Goal goal) const;
  void give_back(search::Point kept, const search::Point& start, const std::vector<Block>& order);

  const search::SearchSpace& space_;
  Replay tried_;
};

/// Neighbours of the order in blocks: alone up to 48 operators, otherwise in at most 32 blocks.
std::vector<Block> in_blocks(const std::vector<std::size_t>& order);

}  // namespace inc::strategies
