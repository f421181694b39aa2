#pragma once
// The operators of B, cut where both models' values are known to correspond.
#include <memory>
#include <string>
#include <vector>

#include "app/compare_match.h"
#include "app/compare_sides.h"
#include "app/compare_values.h"
#include "core/runtime/adaptor.h"
#include "core/tuning/graph_part.h"

namespace inc::app {

/// An operator of A and what B does instead.
struct Region {
  ir::NodeId node;                                   ///< of A's plain graph
  ir::ValueId a, b;                                  ///< its result, in the graphs that are executed
  tuning::PartOfGraph part;                          ///< of B's: from what corresponds to A's values to `b`
  std::vector<ir::ValueId> reads;                    ///< values of A's executed graph, as part.inputs
  std::map<ir::ValueId, std::size_t> requantized{};  ///< in `part`: what Q/DQ makes of an input
  std::string why_not;                               ///< B's operator cannot run by itself
  int axis = -1;                                     ///< of channels that may have factors; -1: they may not
};

struct Regions {
  std::vector<Region> all;                   ///< in A's topological order
  std::map<ir::ValueId, ir::ValueId> known;  ///< values of B's executed graph → A's
  std::vector<Unmatched> unmatched;
  std::size_t operators = 0;
};

Regions regions_of(const Side& a, const Side& b, const Match& match);

/// What is left of A's weight in B; nothing where there is none, or B has another one on purpose: multiplied by the inverse
/// of a scale that stands before the operator.
std::optional<Closeness> weights_of(const Region& region, const Side& a, const Side& b, const Match& match);

/// One that can be executed, on A's values. The region outlives it.
class Runnable {
 public:
  Runnable(const Region& region, const runtime::Adaptor& adaptor);
  bool runs() const noexcept { return executable_ != nullptr; }
  /// B's value where it reads A's, each multiplied by its factors in `factors` (of A's values). `input`, when given, gets
  /// what Q/DQ does to those. Throws what the executable throws.
  ir::Tensor run(const Values& a, const std::map<ir::ValueId, ChannelFactors>& factors, Closeness* input = nullptr) const;

 private:
  const Region& region_;
  bool heavy_ = false;  ///< rests between runs, so that weights are not packed all at once
  std::unique_ptr<const runtime::Executable> executable_;
};

}  // namespace inc::app
