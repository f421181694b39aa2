#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/search/search.h"

namespace inc::search {
namespace {

/// Proposes {0}, {1}, … {count - 1}.
class Counting : public Strategy {
 public:
  explicit Counting(std::size_t count) : count_(count) {}
  std::optional<Point> ask(const History& history) const override {
    if (history.size() >= count_) return std::nullopt;
    return Point{static_cast<std::uint16_t>(history.size())};
  }
  std::string_view name() const override { return "counting"; }

 private:
  std::size_t count_;
};

class Stuck : public Strategy {
 public:
  std::optional<Point> ask(const History&) const override { return Point{0}; }
  std::string_view name() const override { return "stuck"; }
};

Observation missed() {
  Observation seen;
  seen.accuracy = 0.5;
  seen.seconds = 1;
  return seen;
}

Observation failed(std::string why) {
  Observation seen;
  seen.state = TrialState::Failed;
  seen.why_failed = std::move(why);
  return seen;
}

/// Meets the target from point {at} on.
Evaluate meets_at(std::size_t at) {
  return [at](const Point& point, std::size_t) {
    Observation seen = missed();
    seen.met = point[0] >= at;
    return seen;
  };
}

TEST(Tune, StopsAtTheFirstPointThatMeetsTheTarget) {
  const Outcome outcome = tune(Counting(10), {meets_at(3)}, {});
  EXPECT_EQ(outcome.stopped, StopReason::TargetMet);
  EXPECT_EQ(outcome.history.size(), 4u);
}

TEST(Tune, GoesOnAfterTheTargetWhenThereIsTime) {
  const Outcome outcome = tune(Counting(10), {meets_at(3)}, {.timeout_seconds = 1000});
  EXPECT_EQ(outcome.stopped, StopReason::Exhausted);
  EXPECT_EQ(outcome.history.size(), 10u);
}

TEST(Tune, StopsAfterMaxTrialsCountingResumedOnes) {
  History resume;
  resume.push(missed());
  resume.push(missed());
  int calls = 0;
  const auto evaluate = [&](const Point&, std::size_t) {
    ++calls;
    return missed();
  };
  const Outcome outcome = tune(Counting(10), {evaluate}, {.max_trials = 5}, {}, resume);
  EXPECT_EQ(outcome.stopped, StopReason::MaxTrials);
  EXPECT_EQ(outcome.history.size(), 5u);
  EXPECT_EQ(calls, 3);
}

TEST(Tune, ResumedSecondsCountAsTimeSpent) {
  History resume;
  Observation slow = missed();
  slow.seconds = 1e6;
  resume.push(slow);
  const Outcome outcome = tune(Counting(10), {meets_at(99)}, {.timeout_seconds = 1000}, {}, resume);
  EXPECT_EQ(outcome.stopped, StopReason::Timeout);
  EXPECT_EQ(outcome.history.size(), 1u);
}

TEST(Tune, AResumedRunThatMetTheTargetIsOver) {
  History resume;
  resume.push(meets_at(0)({0}, 1));
  EXPECT_EQ(tune(Counting(10), {meets_at(0)}, {}, {}, resume).stopped, StopReason::TargetMet);
}

TEST(Tune, StopsWhenToldTo) {
  int calls = 0;
  const auto outcome = tune(Counting(10), {meets_at(99)}, {.should_stop = [&] { return ++calls > 2; }});
  EXPECT_EQ(outcome.stopped, StopReason::Interrupted);
  EXPECT_EQ(outcome.history.size(), 2u);
}

TEST(Tune, AnInterruptedTrialLeavesNoObservation) {
  const auto evaluate = [](const Point& point, std::size_t) -> Observation {
    if (point[0] == 1) throw Interrupted();
    return missed();
  };
  const Outcome outcome = tune(Counting(10), {evaluate}, {});
  EXPECT_EQ(outcome.stopped, StopReason::Interrupted);
  EXPECT_EQ(outcome.history.size(), 1u);
}

TEST(Tune, StopsWhenTrialsKeepFailingForTheSameReason) {
  const auto evaluate = [](const Point& point, std::size_t) { return failed(point[0] < 2 ? "a" : "b"); };
  const Outcome outcome = tune(Counting(10), {evaluate}, {});
  EXPECT_EQ(outcome.stopped, StopReason::RepeatedFailure);
  EXPECT_EQ(outcome.history.size(), 5u);
}

TEST(Tune, FailuresForDifferentReasonsDoNotStopIt) {
  const auto evaluate = [](const Point& point, std::size_t) { return failed(point[0] % 2 == 0 ? "a" : "b"); };
  EXPECT_EQ(tune(Counting(10), {evaluate}, {}).stopped, StopReason::Exhausted);
}

TEST(Tune, AnAccuracyThatIsNotFiniteIsAFailure) {
  const auto evaluate = [](const Point&, std::size_t) {
    Observation seen = missed();
    seen.accuracy = std::nan("");
    seen.met = true;
    return seen;
  };
  const Outcome outcome = tune(Counting(2), {evaluate}, {});
  ASSERT_EQ(outcome.history.size(), 2u);
  EXPECT_EQ(outcome.history[0].state, TrialState::Failed);
  EXPECT_FALSE(outcome.history[0].met);
  EXPECT_THAT(outcome.history[0].why_failed, ::testing::HasSubstr("not finite"));
  EXPECT_EQ(outcome.history.best(), nullptr);
}

TEST(Tune, TellsEveryTrialInOrderWithItsPoint) {
  std::vector<std::pair<Point, std::size_t>> told;
  tune(Counting(3), {meets_at(99)}, {},
       {[&](const Observation& seen, std::size_t number) { told.emplace_back(seen.point, number); }});
  EXPECT_EQ(told, (std::vector<std::pair<Point, std::size_t>>{{{0}, 1}, {{1}, 2}, {{2}, 3}}));
}

/// Wants sensitivities after its second trial, and goes on when the target is met.
class Curious : public Counting {
 public:
  using Counting::Counting;
  Wants wants(const History& history) const override { return {history.size() >= 2}; }
  bool goes_on() const override { return true; }
};

TEST(Tune, MeasuresSensitivitiesOnceAndOnlyWhenTheyAreWanted) {
  int measured = 0;
  std::vector<std::size_t> told;
  const auto sensitivity = [&] {
    ++measured;
    return Sensitivity{{{0.5, 0}}, {{0.1, 0}}, 0.25, 1};
  };
  const auto on_sensitivity = [&](const Sensitivity& found) { told.push_back(found.output.size()); };
  const Outcome outcome = tune(Curious(4), {meets_at(99), sensitivity}, {}, {{}, on_sensitivity});
  EXPECT_EQ(measured, 1);
  EXPECT_EQ(told, (std::vector<std::size_t>{1}));
  EXPECT_EQ(outcome.history.sensitivity()->output[0][0], 0.5);
  EXPECT_EQ(outcome.history.full_evaluations(), 0.25) << "those trials executed nothing";

  tune(Curious(4), {meets_at(99), sensitivity}, {}, {}, outcome.history);
  tune(Curious(1), {meets_at(99), sensitivity}, {});
  EXPECT_EQ(measured, 1);
}

TEST(Tune, AStrategyThatGoesOnEndsWhenItHasNothingLeftToTry) {
  const Outcome outcome = tune(Curious(4), {meets_at(1), [] { return Sensitivity(); }}, {});
  EXPECT_EQ(outcome.history.size(), 4u);
  EXPECT_EQ(outcome.stopped, StopReason::TargetMet);
}

TEST(Tune, ATrialThatRunsOutOfTimeLeavesNoObservation) {
  const auto evaluate = [](const Point& point, std::size_t) -> Observation {
    if (point[0] == 2) throw Interrupted{StopReason::Timeout};
    Observation seen;
    seen.point = point;
    return seen;
  };
  const Outcome outcome = tune(Counting(10), {evaluate}, {});
  EXPECT_EQ(outcome.history.size(), 2u);
  EXPECT_EQ(outcome.stopped, StopReason::Timeout);
}

TEST(Tune, AStrategyThatRepeatsAPointIsAnInternalError) {
  EXPECT_THROW(tune(Stuck(), {meets_at(99)}, {}), InternalError);
}

TEST(Tune, OtherErrorsOfATrialEndTheSearch) {
  const auto evaluate = [](const Point&, std::size_t) -> Observation { throw DataError("label missing"); };
  EXPECT_THROW(tune(Counting(3), {evaluate}, {}), DataError);
}

TEST(StopReasons, HaveNames) {
  for (const auto reason : {StopReason::TargetMet, StopReason::MaxTrials, StopReason::Timeout, StopReason::Interrupted,
                            StopReason::Exhausted, StopReason::RepeatedFailure})
    EXPECT_FALSE(name_of(reason).empty());
}

}  // namespace
}  // namespace inc::search
