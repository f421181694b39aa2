#pragma once
// What trials say of the loss of points that were not tried.
#include <span>
#include <vector>

namespace inc::strategies {

struct Seen {
  double divergence;  ///< predicted
  double loss;
  double error;  ///< standard error of the loss
};

/// Loss is taken to be a · divergence^g, up to a tenth of itself, seen through the noise of the evaluation set: the same
/// divergence spread over other operators turns other samples over. The standard error is that of new samples; candidates
/// share theirs, and so some of the luck: the noise is 0.35, 0.5, 0.7 or 1 of it (about half where it was measured). Bayes
/// over a grid of that, of g in {1, 1.5, 2, 2.5, 3}, weighted to 2 (small errors change few verdicts), and of a, without
/// prejudice.
class Belief {
 public:
  /// `allowed`: the loss that just meets the target.
  Belief(std::span<const Seen> seen, double allowed);
  /// The probability that a point of that divergence meets the target.
  double chance(double divergence) const;

 private:
  struct Curve {
    double power, scale;
    double luck;  ///< of a standard error
    double weight;
  };
  double spread(double divergence, const Curve& curve, double loss) const;
  std::vector<Curve> curves_;
  double allowed_, error_ = 0, error_at_ = 1;  ///< of the seen point with the least divergence
};

}  // namespace inc::strategies
