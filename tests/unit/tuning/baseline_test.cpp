#include "core/tuning/baseline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/eval/factory.h"
#include "tests/unit/tuning/numbers.h"

namespace inc::tuning {
namespace {

using ir::Tensor;

/// Says class 1, but class 0 for every n-th sample.
class WrongEvery final : public runtime::Executable {
 public:
  explicit WrongEvery(std::int64_t n) : n_(n) {}
  std::vector<Tensor> run(std::span<const Tensor> inputs, const runtime::TapSink&) const override {
    std::vector<float> scores;
    for (const float number : inputs[0].values<float>()) {
      const bool wrong = n_ > 0 && static_cast<std::int64_t>(number) % n_ == 0;
      scores.insert(scores.end(), {wrong ? 1.0f : 0.0f, 0.5f});
    }
    ++runs;
    return {Tensor::of<float>({static_cast<std::int64_t>(scores.size()) / 2, 2}, scores)};
  }
  std::vector<runtime::StepProfile> profile(std::span<const Tensor>, int) const override { return {}; }
  mutable int runs = 0;

 private:
  std::int64_t n_;
};

constexpr std::int64_t kSamples = 2000, kBatch = 20;

class Judged : public ::testing::Test {
 protected:
  Judged() { graph_.add_input("x", {DType::Float, std::vector<ir::Dim>{{-1, "N"}, {1, ""}}}); }
  /// FP32 is always right; the tolerable loss is 1 %.
  search::Observation judge(const char* metric, const WrongEvery& candidate, BaselineOptions options = {},
                            config::ParameterMap parameters = {}) {
    options.criterion.absolute = 0.01;
    const auto made = eval::make_metric({metric, {std::move(parameters), ""}, ""});
    const Baseline baseline(graph_, fp32_, data_, *made, {.batch_size = kBatch}, options);
    fp32_runs_ = fp32_.runs;
    Judge judge(baseline, 1);
    eval::EvalOptions evaluation{.batch_size = kBatch};
    evaluation.progress = [&](std::int64_t, std::int64_t) { return judge.goes_on(); };
    evaluation.reference = [&](std::int64_t first) { return baseline.outputs().find(first); };
    const eval::Score score = eval::evaluate(graph_, candidate, baseline.data(), *made, evaluation, &fp32_);
    search::Observation observation;
    judge.conclude(observation, score.complete);
    observation.full_evaluations = static_cast<double>(score.samples) / kSamples;
    return observation;
  }

  ir::Graph graph_;
  Numbers data_{kSamples};
  WrongEvery fp32_{0};
  int fp32_runs_ = 0;
};

TEST_F(Judged, CandidatesThatMissAreStoppedEarly) {
  const auto seen = judge("topk", WrongEvery(20));
  EXPECT_FALSE(seen.met);
  EXPECT_LT(seen.full_evaluations, 0.3);
  EXPECT_LE(seen.accuracy_low, 0.95);
  EXPECT_GE(seen.accuracy_high, 0.95);
  EXPECT_LT(seen.accuracy_high, 0.99);
  EXPECT_GT(seen.loss, 0.01);
}

TEST_F(Judged, CandidatesThatMeetTheTargetAreEvaluatedToTheEnd) {
  const auto seen = judge("topk", WrongEvery(200));
  EXPECT_TRUE(seen.met);
  EXPECT_EQ(seen.full_evaluations, 1);
  EXPECT_DOUBLE_EQ(seen.accuracy, 0.995);
  EXPECT_EQ(seen.accuracy_low, seen.accuracy);
  EXPECT_EQ(seen.accuracy_high, seen.accuracy);
}

TEST_F(Judged, InTheOrderOfTheFilesOnlyCertaintyStops) {
  BaselineOptions options;
  options.natural_order = true;
  const auto seen = judge("topk", WrongEvery(20), options);
  EXPECT_FALSE(seen.met);
  EXPECT_DOUBLE_EQ(seen.full_evaluations, 0.21) << "the 21st wrong sample is number 400";
}

TEST_F(Judged, MetricsThatAreNoMeansAreEvaluatedInFull) {
  const auto seen = judge("F1", WrongEvery(20));
  EXPECT_FALSE(seen.met);
  EXPECT_EQ(seen.full_evaluations, 1);
  EXPECT_NEAR(seen.accuracy, 2 * 0.95 / 1.95, 1e-12);
}

TEST_F(Judged, FunctionsOfAMeanAreComparedAsMeans) {
  const auto seen = judge("RMSE", WrongEvery(20), {}, {{"compare_label", {false, ""}}});
  EXPECT_FALSE(seen.met);
  EXPECT_LT(seen.full_evaluations, 0.3);
  EXPECT_LE(seen.accuracy_low, std::sqrt(0.05 / 2));
  EXPECT_GE(seen.accuracy_high, std::sqrt(0.05 / 2));
}

TEST_F(Judged, OutputsOfFp32AreNotComputedAgain) {
  const auto seen = judge("agreement", WrongEvery(500));
  EXPECT_DOUBLE_EQ(seen.accuracy, 0.998);
  EXPECT_EQ(fp32_runs_, kSamples / kBatch);
  EXPECT_EQ(fp32_.runs, fp32_runs_);
}

}  // namespace
}  // namespace inc::tuning
