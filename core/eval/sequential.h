#pragma once
// Is the target met on the whole set? Decided from part of it.
//
// FP32's scores a_1..a_N are known, a candidate's scores b_1, b_2, … arrive in a fixed random order, and the target is met
// when their mean over all N is on the right side of a given mean. What is unknown is the sum D of the differences
// d = b - a, which vary far less than the scores; it is compared with D0, the sum that just meets the target.
//
// Certainly. Where scores are bounded, the samples to come can change the sum only so far.
//
// At an error probability. Sample t is drawn from those that are left, uniformly, so with n left, n * d_t is an unbiased
// estimate of what is missing from D. If the target is met, D0 - (d_1 + … + d_{t-1}) - n * d_t has no positive expectation
// given the past, and no bet on it, with stakes fixed beforehand and small enough never to go broke, makes money in
// expectation: the capital K_t = product of 1 + stake * (…) is a nonnegative supermartingale, which reaches 1 / alpha at any
// time with probability alpha at most (Ville). Reaching it decides: missed. The same with opposite signs decides: met. The
// stakes are those that are best when the target is missed by 2, 4, 7, 12 or 20 standard errors of the paired mean of N
// samples, with the variance seen so far; K is the mean of the five capitals. Exact for every sample size; this is the
// betting confidence sequence of Waudby-Smith, Ramdas: "Estimating means of bounded random variables by betting", JRSS-B
// 2024, section 5 (sampling without replacement; the problem and empirical-Bernstein bounds for it: the same, "Confidence
// sequences for sampling without replacement", NeurIPS 2020).
// Where scores have no bounds, or bounds far from where they are, stakes are small enough for differences outside the range
// of those seen, by its whole width; a bet that meets one farther out is lost, not owed, and by what it would have owed the
// error probability may be exceeded. The first 20 samples are only looked at. No normal distribution is assumed, so that
// skewed differences do no harm; docs/search.md has what was found in simulation.
//
// How many samples. With e standard errors (of the paired mean of N samples) between candidate and target, any test whose
// error probability is alpha also for candidates that just meet it needs about u / (1 + u) of the set, u = 2 ln(1 / alpha) /
// e² (Wald's bound in that time): 0.70 at e = 2 and 0.16 at e = 7 for alpha = 0.01. This one needs little more.
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace inc::eval {

enum class Verdict : std::uint8_t { Undecided, Met, Missed };

struct SequentialSetup {
  std::vector<double> fp32;  ///< scores of all samples, in the order in which the candidate's will arrive
  double target = 0;         ///< mean score that just meets the target
  bool higher_is_better = true;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();  ///< of a score
  bool tight = false;   ///< scores are at low or high (wrong or right): bets that rely on nothing else
  double alpha = 0.01;  ///< 0: decide only what is certain, whatever the order
};

/// The mean score of the whole set; equal bounds when all of it was seen.
struct MeanEstimate {
  double mean = 0, low = 0, high = 0;
};

class SequentialTest {
 public:
  explicit SequentialTest(SequentialSetup setup);
  /// The next scores. More than there are samples, or a score that is not finite, is an InternalError.
  void add(std::span<const double> scores);
  /// Once decided it stays. Met and Missed are each wrong with probability alpha at most.
  Verdict verdict() const noexcept { return verdict_; }
  /// Whether the verdict needs no probability.
  bool certain() const noexcept { return certain_; }
  /// Holds with probability 1 - 2 alpha, at any time at once. Infinite where nothing can be said yet. A mean of nothing is
  /// FP32's.
  MeanEstimate estimate() const;
  /// Of a mean over the whole set, by the spread of the differences seen.
  double standard_error() const noexcept;
  std::int64_t seen() const noexcept { return static_cast<std::int64_t>(differences_.size()); }

 private:
  static constexpr std::array<double, 5> kEffects{2, 4, 7, 12, 20};
  using LogCapital = std::array<double, kEffects.size()>;
  /// What is known before a difference arrives.
  struct Past {
    std::size_t count = 0;
    double sum = 0, square = 0;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    void push(double difference) noexcept;
  };

  struct Range {
    double low, high;
  };
  Range range(const Past& past) const;
  void play(LogCapital& bets, const Past& past, double difference, double sum, double direction) const;
  double replayed(double sum, double direction) const;
  bool refuted(double sum, double direction) const;
  double limit(double from, double direction) const;
  void decide();

  SequentialSetup setup_;
  double count_, sign_, wanted_, slack_, least_difference_, most_difference_;
  std::vector<double> differences_;
  double certain_low_, certain_high_;  ///< of the sum of all differences
  Past past_;
  LogCapital missed_{}, met_{};
  Verdict verdict_ = Verdict::Undecided;
  bool certain_ = false;
};

/// Error probability of a search's decision number `number` (from 1): total / (number (number + 1)), which sums to total.
double decision_alpha(double total, std::int64_t number) noexcept;

}  // namespace inc::eval
