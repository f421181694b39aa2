#include "core/tuning/objective.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace inc::tuning {
namespace {

const Figures kBaseline{4, 1000, 600};

Objective named_objective(const std::string& name) {
  config::Tuning tuning;
  tuning.objective = name;
  return {tuning, Criterion({}, true, 0.8), kBaseline};
}

Objective several(std::vector<std::string> names, std::vector<double> weights, bool higher_is_better = true) {
  config::Tuning tuning;
  tuning.multi_objectives = {std::move(names), std::move(weights), {}};
  return {tuning, Criterion({}, higher_is_better, 0.8), kBaseline};
}

TEST(Objective, AloneIsItsFigureInItsOwnUnit) {
  const Figures figures{1, 300, 500};
  EXPECT_EQ(named_objective("performance").cost(figures, 0.8), 1);
  EXPECT_EQ(named_objective("latency").cost(figures, 0.8), 1);
  EXPECT_EQ(named_objective("modelsize").cost(figures, 0.8), 300);
  EXPECT_EQ(named_objective("footprint").cost(figures, 0.8), 500);
}

TEST(Objective, AccuracyIsTheRelativeLossWhateverTheMetricsDirection) {
  EXPECT_DOUBLE_EQ(named_objective("accuracy").cost({}, 0.7), 0.125);
  EXPECT_DOUBLE_EQ(several({"accuracy"}, {}, false).cost({}, 0.9), 0.125);
  EXPECT_EQ(named_objective("accuracy").cost({}), 0);
}

TEST(Objective, SeveralAreWeighedAsSharesOfFp32) {
  const Figures half{2, 500, 300};
  EXPECT_DOUBLE_EQ(several({"performance", "modelsize"}, {}).cost(half, 0.1), 0.5);
  EXPECT_DOUBLE_EQ(several({"performance", "modelsize"}, {3, 1}).cost({1, 1000, 0}, 0.1), 0.75 * 0.25 + 0.25);
  EXPECT_DOUBLE_EQ(several({"accuracy", "footprint"}, {8, 2}).cost(half, 0.72), 0.8 * 1.1 + 0.2 * 0.5);
  EXPECT_DOUBLE_EQ(several({"accuracy", "performance", "modelsize", "footprint"}, {}).cost(kBaseline, 0.8), 1);
}

TEST(Objective, AFigureThatFp32DoesNotHaveDecidesNothing) {
  config::Tuning tuning;
  tuning.multi_objectives = {{"performance", "footprint"}, {}, {}};
  const Objective objective(tuning, Criterion({}, true, 0.8), {4, 1000, 0});
  EXPECT_DOUBLE_EQ(objective.cost({2, 0, 77}, 0.8), 0.5 * 0.5 + 0.5);
}

TEST(Objective, KnowsWhatItAimsAtAndSaysSo) {
  const Objective objective = several({"performance", "modelsize"}, {4, 1});
  EXPECT_TRUE(objective.aims_at(Aim::Latency));
  EXPECT_TRUE(objective.aims_at(Aim::ModelSize));
  EXPECT_FALSE(objective.aims_at(Aim::Accuracy));
  EXPECT_EQ(objective.describe(), "0.8 performance + 0.2 modelsize, each over FP32's");
  EXPECT_EQ(named_objective("footprint").describe(), "footprint");
}

TEST(Objective, WeightsThatDoNotFitAreRefused) {
  EXPECT_THROW(several({"performance"}, {1, 2}), ConfigError);
  EXPECT_THROW(several({"performance"}, {0}), ConfigError);
  EXPECT_THROW(named_objective("speed"), ConfigError);
}

}  // namespace
}  // namespace inc::tuning
