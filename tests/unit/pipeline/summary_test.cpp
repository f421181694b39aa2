#include "core/pipeline/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace inc::pipeline {
namespace {

using testing::ElementsAre;

tuning::TuningSpace space_of(std::size_t operators) {
  tuning::TuningSpace space;
  for (std::size_t i = 0; i < operators; ++i) {
    space.shape.dims.push_back({"op" + std::to_string(i), "Conv", {"int8", "fp32"}});
    quant::OpConfig int8, fp32;
    int8.precision = quant::Precision::Int8;
    space.options.push_back({int8, fp32});
  }
  return space;
}

search::Observation seen_at(search::Point point, double accuracy, double latency_ms, double model_bytes) {
  search::Observation seen;
  seen.point = std::move(point);
  seen.accuracy = seen.accuracy_low = seen.accuracy_high = accuracy;
  seen.latency_ms = latency_ms;
  seen.model_bytes = model_bytes;
  return seen;
}

std::vector<std::string> front_of(const std::vector<search::Observation>& all, bool higher_is_better = true) {
  search::History history;
  for (const auto& seen : all) history.push(seen);
  std::vector<std::string> names;
  for (const auto& row : pareto_rows(history, space_of(2), tuning::Criterion({}, higher_is_better, 0.9), 0.9, {4, 1000, 0}))
    names.push_back(row.config);
  return names;
}

TEST(ParetoRows, HoldWhatNothingBeatsInAllThree) {
  EXPECT_THAT(front_of({seen_at({0, 0}, 0.8, 1, 300), seen_at({0, 1}, 0.85, 2, 600), seen_at({1, 0}, 0.84, 3, 700)}),
              ElementsAre("2 int8, 0 fp32", "1 int8, 1 fp32", "fp32"));
  EXPECT_THAT(front_of({seen_at({0, 0}, 0.8, 1, 300), seen_at({1, 0}, 0.79, 3, 200)}),
              ElementsAre("2 int8, 0 fp32", "1 int8, 1 fp32", "fp32"))
      << "smaller than what is better otherwise";
}

TEST(ParetoRows, KnowTheMetricsDirection) {
  EXPECT_THAT(front_of({seen_at({0, 0}, 0.8, 1, 300), seen_at({0, 1}, 0.85, 2, 600)}, false), ElementsAre("2 int8, 0 fp32"));
}

TEST(ParetoRows, LeaveOutFailuresAndWhatWasStoppedEarly) {
  search::Observation stopped = seen_at({0, 0}, 0.95, 1, 300);
  stopped.accuracy_low = 0.5;
  search::Observation failed = seen_at({0, 1}, 0.95, 1, 300);
  failed.state = search::TrialState::Failed;
  EXPECT_THAT(front_of({stopped, failed}), ElementsAre("fp32"));
}

TEST(ParetoRows, NameEqualsOnce) {
  EXPECT_THAT(front_of({seen_at({0, 1}, 0.8, 1, 300), seen_at({1, 0}, 0.8, 1, 300)}), ElementsAre("1 int8, 1 fp32", "fp32"));
}

TEST(Pace, IsThatOfFp32AsItWasMeasured) {
  report::Report r;
  r.trials.resize(1);
  r.trials[0].latency_ms = 3;
  r.pareto = {{0.9, 4, "fp32"}, {0.8, 3, "2 int8, 0 fp32"}};
  for (const double unknown : {report::kUnknown, 0.0}) {
    r.baseline.latency_ms = unknown;
    at_measured_pace(r, 4);
    EXPECT_DOUBLE_EQ(r.trials[0].latency_ms, 3);
  }
  r.baseline.latency_ms = 5;
  at_measured_pace(r, 4);
  EXPECT_DOUBLE_EQ(r.trials[0].latency_ms, 3.75);
  EXPECT_DOUBLE_EQ(r.pareto[0].latency_ms, 5);
  EXPECT_DOUBLE_EQ(r.pareto[1].latency_ms, 3.75);
  at_measured_pace(r, 0);
  EXPECT_DOUBLE_EQ(r.pareto[0].latency_ms, 5);
}

}  // namespace
}  // namespace inc::pipeline
