#include "core/eval/sequential.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <tuple>

#include "core/base/rng.h"

namespace inc::eval {
namespace {

SequentialSetup right_or_wrong(std::vector<double> fp32, double target, double alpha = 0) {
  SequentialSetup setup;
  setup.fp32 = std::move(fp32);
  setup.target = target;
  setup.low = 0;
  setup.high = 1;
  setup.tight = true;
  setup.alpha = alpha;
  return setup;
}

TEST(Sequential, DecidesWhatTheRemainingSamplesCannotChange) {
  SequentialTest test(right_or_wrong(std::vector<double>(10, 1.0), 0.7));
  test.add(std::vector<double>{0, 1, 0, 0});
  EXPECT_EQ(test.verdict(), Verdict::Undecided);
  EXPECT_NEAR(test.estimate().low, 0.1, 1e-12);
  EXPECT_NEAR(test.estimate().high, 0.7, 1e-12);
  test.add(std::vector<double>{0});
  EXPECT_EQ(test.verdict(), Verdict::Missed);
  EXPECT_TRUE(test.certain());
  EXPECT_EQ(test.seen(), 5);
}

TEST(Sequential, MeetsATargetThatIsReachedExactly) {
  SequentialTest test(right_or_wrong(std::vector<double>(10, 1.0), 0.7));
  test.add(std::vector<double>{0, 0, 0, 1, 1, 1, 1, 1, 1});
  EXPECT_EQ(test.verdict(), Verdict::Undecided);
  test.add(std::vector<double>{1});
  EXPECT_EQ(test.verdict(), Verdict::Met);
  EXPECT_DOUBLE_EQ(test.estimate().low, 0.7);
  EXPECT_DOUBLE_EQ(test.estimate().high, 0.7);
}

TEST(Sequential, KnowsWhichWayIsBetter) {
  SequentialSetup setup;
  setup.fp32 = {1, 2, 3, 2};
  setup.target = 2.5;
  setup.higher_is_better = false;
  setup.low = 0;
  setup.alpha = 0;
  SequentialTest test(setup);
  test.add(std::vector<double>{4, 3});
  EXPECT_EQ(test.verdict(), Verdict::Undecided);
  EXPECT_DOUBLE_EQ(test.estimate().low, 7.0 / 4);
  EXPECT_EQ(test.estimate().high, std::numeric_limits<double>::infinity());
  test.add(std::vector<double>{3.5});
  EXPECT_EQ(test.verdict(), Verdict::Missed);
  EXPECT_TRUE(test.certain());
}

TEST(Sequential, UnboundedScoresAreCertainOnlyAtTheEnd) {
  SequentialSetup setup;
  setup.fp32 = {1, 1, 1};
  setup.target = 0;
  setup.alpha = 0;
  SequentialTest test(setup);
  test.add(std::vector<double>{-5, -5});
  EXPECT_EQ(test.verdict(), Verdict::Undecided);
  test.add(std::vector<double>{10.5});
  EXPECT_EQ(test.verdict(), Verdict::Met);
  EXPECT_NEAR(test.estimate().mean, 0.5 / 3, 1e-12);
}

struct Population {
  std::vector<double> fp32, candidate;
  double mean = 0, error = 0;  ///< of the candidate; standard error of the paired mean
};

Population measured(Population all) {
  const auto count = static_cast<double>(all.fp32.size());
  double sum = 0, square = 0;
  for (std::size_t i = 0; i < all.fp32.size(); ++i) {
    all.mean += all.candidate[i] / count;
    sum += all.candidate[i] - all.fp32[i];
    square += (all.candidate[i] - all.fp32[i]) * (all.candidate[i] - all.fp32[i]);
  }
  all.error = std::sqrt((square / count - sum / count * sum / count) / count);
  return all;
}

/// 4 % become wrong, 2 % right.
Population flips(std::size_t size) {
  Population all;
  for (std::size_t i = 0; i < size; ++i) {
    all.fp32.push_back(i < size / 2 ? 1 : 0);
    all.candidate.push_back(i < size / 25 ? 0 : i >= size - size / 50 ? 1 : all.fp32.back());
  }
  return measured(std::move(all));
}

/// Differences with a long tail upwards.
Population skewed(std::size_t size) {
  Population all;
  Rng random(1);
  for (std::size_t i = 0; i < size; ++i) {
    all.fp32.push_back(2 + random.uniform());
    all.candidate.push_back(all.fp32.back() + 0.01 * std::pow(-std::log(1 - random.uniform()), 1.5));
  }
  return measured(std::move(all));
}

SequentialSetup setup_for(const Population& all, double effect, double alpha, bool higher_is_better, bool bounded) {
  SequentialSetup setup;
  setup.target = all.mean + (higher_is_better ? effect : -effect) * all.error;
  setup.higher_is_better = higher_is_better;
  if (bounded) std::tie(setup.low, setup.high, setup.tight) = std::tuple(0.0, 1.0, true);
  setup.alpha = alpha;
  return setup;
}

/// Plays `decisions` orders through in batches of 20.
void simulate(const Population& all, const SequentialSetup& setup, int decisions,
              const std::function<void(const SequentialTest&)>& decided) {
  std::vector<std::size_t> order(all.fp32.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int i = 0; i < decisions; ++i) {
    Rng(2, static_cast<std::uint64_t>(i)).shuffle(order);
    SequentialSetup mine = setup;
    std::vector<double> scores;
    for (const std::size_t at : order) {
      mine.fp32.push_back(all.fp32[at]);
      scores.push_back(all.candidate[at]);
    }
    SequentialTest test(std::move(mine));
    for (std::size_t first = 0; first < scores.size() && test.verdict() == Verdict::Undecided; first += 20)
      test.add(std::span(scores).subspan(first, std::min<std::size_t>(20, scores.size() - first)));
    decided(test);
  }
}

constexpr int kDecisions = 600;
/// What chance adds to `alpha` in kDecisions decisions, but for one time in a thousand.
double allowed(double alpha) {
  return kDecisions * alpha + 3.1 * std::sqrt(kDecisions * alpha * (1 - alpha));
}

TEST(Sequential, IsWrongAsRarelyAsStated) {
  constexpr double kAlpha = 0.1;
  for (const bool bounded : {true, false})
    for (const bool higher : {true, false})
      for (const double effect : {0.0, 0.3, -0.3, 1.0, -1.0}) {
        const Population all = bounded ? flips(400) : skewed(400);
        int wrong = 0;
        simulate(all, setup_for(all, effect, kAlpha, higher, bounded), kDecisions, [&](const SequentialTest& test) {
          wrong += test.verdict() != (effect > 0 ? Verdict::Missed : Verdict::Met);
        });
        EXPECT_LE(wrong, allowed(kAlpha)) << (bounded ? "flips" : "skewed") << ", " << effect << " standard errors";
      }
}

TEST(Sequential, NeedsFewSamplesWhereTheTargetIsFar) {
  for (const bool bounded : {true, false}) {
    const Population all = bounded ? flips(2000) : skewed(2000);
    double seen = 0;
    simulate(all, setup_for(all, 9, 0.01, bounded, bounded), 100,
             [&](const SequentialTest& test) { seen += static_cast<double>(test.seen()) / 2000 / 100; });
    EXPECT_LT(seen, 0.2);
    EXPECT_GT(seen, 0.02);
  }
}

TEST(Sequential, IntervalsHoldTheTruthAsOftenAsStated) {
  constexpr double kAlpha = 0.05;
  for (const bool bounded : {true, false}) {
    const Population all = bounded ? flips(400) : skewed(400);
    int outside = 0;
    simulate(all, setup_for(all, 4, kAlpha, bounded, bounded), kDecisions, [&](const SequentialTest& test) {
      const MeanEstimate found = test.estimate();
      outside += all.mean < found.low - 1e-9 || all.mean > found.high + 1e-9;
      EXPECT_LE(found.low, found.mean);
      EXPECT_GE(found.high, found.mean);
      EXPECT_TRUE(test.verdict() == Verdict::Missed);
      EXPECT_TRUE(bounded ? found.high <= all.mean + 4.001 * all.error : found.low >= all.mean - 4.001 * all.error);
    });
    EXPECT_LE(outside, allowed(2 * kAlpha)) << (bounded ? "flips" : "skewed");
  }
}

TEST(Sequential, DecisionsOfASearchShareItsErrorProbability) {
  double sum = 0;
  for (int i = 1; i < 10000; ++i) sum += decision_alpha(0.01, i);
  EXPECT_LE(sum, 0.01);
  EXPECT_GT(sum, 0.0099);
}

}  // namespace
}  // namespace inc::eval
