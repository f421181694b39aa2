#include "core/search/shared.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "tests/support/threads_as_ranks.h"

namespace inc::search {
namespace {

constexpr std::size_t kWantsAt = 2;

/// Wants sensitivities; with `follows_loss`, what it asks hangs on the outcome of the trial before.
class CountingUp : public Strategy {
 public:
  explicit CountingUp(bool follows_loss = false) : follows_loss_(follows_loss) {}
  std::optional<Point> ask(const History& history) const override {
    Point point{static_cast<std::uint16_t>(history.size()), 0};
    if (follows_loss_ && history.size() > 0) point[1] = static_cast<std::uint16_t>(history[history.size() - 1].loss * 1000);
    return point;
  }
  Wants wants(const History& history) const override { return {history.size() == kWantsAt}; }
  std::string_view name() const override { return "counting"; }

 private:
  bool follows_loss_;
};

/// The loss of a trial depends on its number too, as what is decided with an error probability does.
Observation trial_of(const Point& point, std::size_t trial) {
  Observation seen;
  seen.point = point;
  seen.loss = 0.01 * static_cast<double>((point[0] * 7 + trial) % 5 + 1);
  seen.accuracy = 1.0 / (3 + seen.loss);
  seen.metrics = {seen.accuracy, 0.1 * point[0]};
  seen.seconds = 1;
  if (point[0] % 4 == 3) {
    seen.state = TrialState::Failed;
    seen.why_failed = "overflow of " + std::to_string(point[0]);
  }
  return seen;
}

/// What a search by so many ranks did.
struct Run {
  History history;
  StopReason stopped = StopReason::Exhausted;
  std::atomic<std::size_t> together = 0, alone = 0, sensitivities = 0;
};

using Fault = std::function<void(const Point&, int rank)>;

std::unique_ptr<Run> run(int size, const Strategy& strategy, const StopRule& stop, const Fault& fault = {}) {
  auto out = std::make_unique<Run>();
  const auto body = [&](const Ranks& ranks) {
    Part mine;
    mine.together.evaluate = [&](const Point& point, std::size_t trial) {
      if (ranks.first()) ++out->together;
      if (fault) fault(point, ranks.rank());
      const auto all = ranks.all_gather(std::to_string(point[0]));
      EXPECT_EQ(std::set(all.begin(), all.end()).size(), 1u) << "all measure the same";
      return trial_of(point, trial);
    };
    mine.together.sensitivity = [&] {
      ++out->sensitivities;
      return Sensitivity{{{1}}, {{1}}, 0, 0, "pin"};
    };
    mine.alone = [&](const Point& point, std::size_t trial) {
      ++out->alone;
      if (fault) fault(point, ranks.rank());
      return trial_of(point, trial);
    };
    if (!ranks.first()) return follow(ranks, mine);
    Outcome outcome = tune(strategy, shared(ranks, mine), stop);
    dismiss(ranks);
    out->history = std::move(outcome.history);
    out->stopped = outcome.stopped;
  };
  for (const auto& thrown : inc::testing::ThreadRanks(size).run(body)) EXPECT_FALSE(thrown);
  EXPECT_LE(out->sensitivities, static_cast<std::size_t>(size));
  return out;
}

void expect_equal(const History& a, const History& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].point, b[i].point);
    EXPECT_EQ(a[i].loss, b[i].loss) << i;
    EXPECT_EQ(a[i].metrics, b[i].metrics);
    EXPECT_EQ(a[i].why_failed, b[i].why_failed);
  }
}

TEST(Shared, WhatTheFirstRankWantsMeasuredTheOthersMeasureAndOnlyItKeepsTheHistory) {
  const auto one = run(1, CountingUp(), {.max_trials = 12});
  EXPECT_EQ(one->together, 12u);
  EXPECT_EQ(one->alone, 0u);
  for (const int size : {2, 3}) {
    const auto several = run(size, CountingUp(), {.max_trials = 12});
    expect_equal(several->history, one->history);
    EXPECT_EQ(several->sensitivities, static_cast<std::size_t>(size));
    EXPECT_EQ(several->together + several->alone, 12u) << "nothing is measured twice or in vain";
    EXPECT_GE(several->alone, 12u - 2u - static_cast<std::size_t>(size)) << "the first trial and what is left over together";
    EXPECT_EQ(several->stopped, StopReason::MaxTrials);
  }
}

TEST(Shared, TrialsThatHangOnTheOneBeforeAreMeasuredTogether) {
  const auto one = run(1, CountingUp(true), {.max_trials = 12});
  const auto three = run(3, CountingUp(true), {.max_trials = 12});
  expect_equal(three->history, one->history);
  EXPECT_EQ(three->alone, 0u);
  EXPECT_EQ(three->together, 12u);
}

/// Seems to hang on nothing, and does hang on whether a trial failed.
class Surprised : public CountingUp {
 public:
  std::optional<Point> ask(const History& history) const override {
    Point point{static_cast<std::uint16_t>(history.size()), 0};
    for (const auto& seen : history.all())
      if (seen.state == TrialState::Failed) ++point[1];
    return point;
  }
};

TEST(Shared, WhatWasMeasuredForAPointThatIsNotAskedIsDropped) {
  const auto one = run(1, Surprised(), {.max_trials = 20});
  const auto three = run(3, Surprised(), {.max_trials = 20});
  expect_equal(three->history, one->history);
  EXPECT_GT(three->together + three->alone, 20u);
  EXPECT_LT(three->together + three->alone, 30u);
}

TEST(Shared, TheTrialInWhichARankIsInterruptedEndsTheSearchThere) {
  for (const int rank : {0, 1, 2}) {
    const auto fault = [&](const Point& point, int at) {
      if (point[0] >= 6 && at == rank) throw Interrupted{StopReason::Timeout};
    };
    const auto three = run(3, CountingUp(), {.max_trials = 20}, fault);
    const auto one = run(1, CountingUp(), {.max_trials = three->history.size()});
    EXPECT_EQ(three->stopped, StopReason::Timeout);
    EXPECT_GE(three->history.size(), 6u);
    EXPECT_LE(three->history.size(), 9u);
    expect_equal(three->history, one->history);
  }
}

TEST(Shared, TimesSideBySideAddUpToTheTimeThatPassed) {
  const auto three = run(3, CountingUp(), {.max_trials = 12});
  double sum = 0;
  for (const auto& seen : three->history.all()) sum += seen.seconds;
  EXPECT_LT(sum, 12 - 1.0 * static_cast<double>(three->alone) + 1) << "a trial says that it took a second, and takes none";
}

TEST(Shared, ASearchThatMeetsItsTargetEndsAtTheSameTrial) {
  for (const int size : {1, 2, 3}) {
    const auto body = [&](const Ranks& ranks) {
      const Evaluate evaluate = [](const Point& point, std::size_t trial) {
        Observation seen = trial_of(point, trial);
        seen.state = TrialState::Complete;
        seen.met = point[0] >= 5;
        return seen;
      };
      const Part mine{{evaluate, [] { return Sensitivity(); }}, evaluate};
      if (!ranks.first()) return follow(ranks, mine);
      const Outcome outcome = tune(CountingUp(), shared(ranks, mine), {});
      dismiss(ranks);
      EXPECT_EQ(outcome.stopped, StopReason::TargetMet);
      EXPECT_EQ(outcome.history.size(), 6u);
    };
    for (const auto& thrown : inc::testing::ThreadRanks(size).run(body)) EXPECT_FALSE(thrown);
  }
}

}  // namespace
}  // namespace inc::search
