#include "core/search/shared.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/base/error.h"
#include "tests/support/threads_as_ranks.h"

namespace inc::search {
namespace {

class Counting : public Strategy {
 public:
  std::optional<Point> ask(const History& history) const override {
    return Point{static_cast<std::uint16_t>(history.size())};
  }
  Wants wants(const History& history) const override { return {history.size() == 2}; }
  std::string_view name() const override { return "counting"; }
};

TEST(Shared, WhatTheFirstRankWantsMeasuredAllMeasureAndOnlyItKeepsTheHistory) {
  for (const int size : {1, 2, 3}) {
    std::atomic<int> evaluated = 0, sensitivities = 0, histories = 0;
    const auto body = [&](const Ranks& ranks) {
      Measures mine;
      mine.evaluate = [&](const Point& point) {
        ++evaluated;
        if (point[0] == 4) throw Interrupted();
        Observation seen;
        for (const auto& said : ranks.all_gather(std::to_string(point[0]))) seen.accuracy += std::stod(said);
        return seen;
      };
      mine.sensitivity = [&] {
        ++sensitivities;
        return Sensitivity{{{1}}, {{1}}, 0, 0};
      };
      if (!ranks.first()) return follow(ranks, mine);
      const Outcome outcome = tune(Counting(), shared(ranks, mine), {});
      dismiss(ranks);
      ++histories;
      EXPECT_EQ(outcome.stopped, StopReason::Interrupted);
      ASSERT_EQ(outcome.history.size(), 4u);
      EXPECT_EQ(outcome.history[3].accuracy, 3.0 * size);
    };
    for (const auto& thrown : inc::testing::ThreadRanks(size).run(body)) EXPECT_FALSE(thrown);
    EXPECT_EQ(evaluated, 5 * size);
    EXPECT_EQ(sensitivities, size);
    EXPECT_EQ(histories, 1);
  }
}

}  // namespace
}  // namespace inc::search
