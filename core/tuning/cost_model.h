#pragma once
// The cost model: what a point's graph takes, without building it.
//
// The time of a graph is the sum of its sites' (cost_layout.h). A site's time is taken to depend on its own operator's
// class and on how that meets the class of each neighbour (a boundary: what is quantized, cast or reordered between them);
// where the operator itself has no choice, on how the classes before it meet those behind it. Each of these terms, and one
// per pair for whether the precisions differ at all, gets a weight by Bayesian linear regression (ridge, with as much spread
// allowed to the boundaries together as to the own class) from the times of measured candidates. Summed over sites this is
// one table per operator and one per pair of neighbours: a prediction is a few hundred additions, and least-time assignments
// are cuts.
#include <cstdint>
#include <vector>

#include "core/base/support.h"
#include "core/tuning/cost_profile.h"

namespace inc::tuning {

/// Milliseconds of a run by class; terms of all sites merged.
struct CostTables {
  struct Pair {
    std::size_t a = 0, b = 0;             ///< dimensions, a < b
    std::vector<std::vector<double>> ms;  ///< [class of a][class of b]
  };
  double base = 0;
  std::vector<std::vector<double>> own;  ///< [dimension][class]
  std::vector<Pair> pairs;
  std::vector<std::vector<std::size_t>> pairs_of;  ///< per dimension: indices into `pairs`

  double total(const std::vector<std::uint8_t>& classes) const noexcept;
  /// What the terms of dimension `dim` add up to when it has class `chosen`, everything else as in `classes`.
  double part(const std::vector<std::uint8_t>& classes, std::size_t dim, std::uint8_t chosen) const noexcept;
};

/// The profile fits the layout (same dimensions and classes).
CostTables fit_costs(const CostLayout& layout, const CostProfile& profile);

/// Whether the tables tell what was measured: every candidate's whole run within a factor of two. On a machine that is busy
/// with other work they may not, and then nothing should be decided by them.
Support explains(const CostTables& tables, const CostProfile& profile);

/// The tables seen from a space, which may be narrower than the one that was measured: operators that have left it are in
/// FP32, options of an unknown class count as their precision does.
class CostModel {
 public:
  CostModel(const CostLayout& measured, CostTables tables, std::int64_t batch, const TuningSpace& space);
  /// Milliseconds per sample, as Observation::cost. Takes 0.14 µs for ResNet-50, 0.4 µs for 98 operators of a transformer.
  double predict(const search::Point& point) const;
  /// predict() with dimension `dim` at `option`, minus predict(point): negative where that is faster.
  double gain(const search::Point& point, std::size_t dim, std::uint16_t option) const;

 private:
  struct Seen {
    std::size_t dim;                     ///< of the tables
    std::vector<std::uint8_t> class_of;  ///< per option of the space
  };
  std::vector<std::uint8_t> classes(const search::Point& point) const;
  CostTables tables_;
  double batch_;
  std::vector<std::uint8_t> fixed_;  ///< per dimension of the tables
  std::vector<Seen> seen_;           ///< per dimension of the space
};

}  // namespace inc::tuning
