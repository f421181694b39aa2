#pragma once
// Regression over points of a space: what an untried point may give, and how sure that is. The only user of Eigen.
#include <memory>
#include <vector>

#include "core/search/search.h"

namespace inc::strategies {

struct Prediction {
  double mean = 0, deviation = 0;
};

/// A Gaussian process whose covariance falls by exp(-differing operators / length). Length and noise are those of a grid
/// with the largest marginal likelihood. Source: Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006,
/// algorithm 2.1 and chapter 5; the kernel is a product of one per category, hence positive definite.
class GaussianProcess {
 public:
  /// As many values as points, at least one.
  GaussianProcess(std::vector<search::Point> points, const std::vector<double>& values);
  ~GaussianProcess();
  Prediction at(const search::Point& point) const;

 private:
  struct Fit;
  std::unique_ptr<const Fit> fit_;
};

/// How far below `best` a normally distributed value is expected to lie, counting 0 where it lies above.
double expected_improvement(const Prediction& value, double best);
/// That it lies at or below `bound`.
double probability_below(const Prediction& value, double bound);

}  // namespace inc::strategies
