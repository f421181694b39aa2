#include "core/tuning/cost_pace.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/base/rng.h"

namespace inc::tuning {
namespace {

/// Rounds of three that take 1, 2 and 5 ms where the machine is quick, in any order.
std::vector<TimedTurn> rounds(int count, const std::function<double(std::size_t)>& pace) {
  constexpr double kOwn[] = {1, 2, 5};
  Rng rng(3);
  std::vector<std::size_t> order{0, 1, 2};
  std::vector<TimedTurn> turns;
  for (int i = 0; i < count; ++i) {
    rng.shuffle(order);
    for (const std::size_t at : order) turns.push_back({at, kOwn[at] * pace(turns.size())});
  }
  return turns;
}

TEST(PacesOf, FindsWhenTheMachineWasSlow) {
  const auto slow = [](std::size_t t) { return t >= 10 && t < 22 ? 1.2 : 1.0; };
  const std::vector<double> paces = paces_of(rounds(10, slow));
  ASSERT_EQ(paces.size(), 30u);
  for (std::size_t t = 0; t < paces.size(); ++t) EXPECT_NEAR(paces[t], slow(t), 1e-6) << t;
}

TEST(PacesOf, TakesNoSingleInterruptedRunForAPace) {
  for (const double pace : paces_of(rounds(5, [](std::size_t t) { return t == 7 ? 8.0 : 1.0; }))) EXPECT_NEAR(pace, 1, 1e-6);
}

TEST(PacesOf, KnowsOfNoTurnsNoPaces) {
  EXPECT_TRUE(paces_of({}).empty());
}

}  // namespace
}  // namespace inc::tuning
