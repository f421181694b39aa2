#include "core/search/search.h"

#include <gtest/gtest.h>

namespace inc::search {
namespace {

SearchSpace space_of(std::initializer_list<std::size_t> options) {
  SearchSpace space;
  for (const std::size_t count : options) space.dims.push_back({"op", "Conv", std::vector<std::string>(count, "x")});
  return space;
}

Observation seen(Point point, bool met, double cost, double loss) {
  Observation observation;
  observation.point = std::move(point);
  observation.met = met;
  observation.cost = cost;
  observation.loss = loss;
  return observation;
}

TEST(SearchSpace, SizeIsTheProductAndSaturates) {
  EXPECT_EQ(space_of({}).size(), 1u);
  EXPECT_EQ(space_of({2, 3, 4}).size(), 24u);
  SearchSpace large;
  large.dims.assign(200, {"op", "Conv", {"int8", "fp32"}});
  EXPECT_EQ(large.size(), static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

TEST(SearchSpace, ContainsPointsWithinItsOptionsOnly) {
  const SearchSpace space = space_of({2, 3});
  EXPECT_TRUE(space.contains({1, 2}));
  EXPECT_FALSE(space.contains({2, 0}));
  EXPECT_FALSE(space.contains({1}));
  EXPECT_TRUE(space.contains(space.fastest()));
  EXPECT_EQ(space.fastest(), (Point{0, 0}));
  EXPECT_EQ(space.fp32(), (Point{1, 2}));
}

TEST(History, FindsAPoint) {
  History history;
  history.push(seen({0, 1}, false, 1, 1));
  EXPECT_NE(history.find({0, 1}), nullptr);
  EXPECT_EQ(history.find({1, 0}), nullptr);
}

TEST(History, BestIsTheCheapestThatMeetsTheTarget) {
  History history;
  EXPECT_EQ(history.best(), nullptr);
  history.push(seen({0}, false, 1, 0.01));
  history.push(seen({1}, true, 5, 0.009));
  history.push(seen({2}, true, 4, 0.0095));
  EXPECT_EQ(history.best()->point, Point{2});
}

TEST(History, BestIsTheSmallestLossWhereNothingMeetsTheTarget) {
  History history;
  history.push(seen({0}, false, 1, 0.3));
  history.push(seen({1}, false, 9, 0.1));
  Observation failed = seen({2}, false, 0, -1);
  failed.state = TrialState::Failed;
  history.push(failed);
  EXPECT_EQ(history.best()->point, Point{1});
}

TEST(History, TheEarlierOfEqualObservationsIsBest) {
  History history;
  history.push(seen({0}, true, 2, 0));
  history.push(seen({1}, true, 2, 0));
  EXPECT_EQ(history.best()->point, Point{0});
}

}  // namespace
}  // namespace inc::search
