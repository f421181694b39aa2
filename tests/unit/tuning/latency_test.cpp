#include "core/tuning/latency.h"

#include <gtest/gtest.h>

#include <vector>

namespace inc::tuning {
namespace {

const std::vector<double> kOurs{5, 9, 5, 5, 8, 5}, kTheirs{6, 6, 9, 6, 6, 7};

TEST(Won, CountsTheRoundsThatOursIsFaster) {
  EXPECT_DOUBLE_EQ(won(kOurs, kTheirs, 1), 4.0 / 6);
  EXPECT_DOUBLE_EQ(won(kTheirs, kOurs, 1), 2.0 / 6);
}

TEST(Won, LetsTheQuickestRoundOfADuelCount) {
  EXPECT_DOUBLE_EQ(won(kOurs, kTheirs, 2), 1);
  EXPECT_DOUBLE_EQ(won(kTheirs, kOurs, 3), 0);
}

TEST(Won, LeavesOutWhatIsNoWholeDuel) {
  EXPECT_DOUBLE_EQ(won(kTheirs, kOurs, 4), 0);
}

TEST(Won, GivesATieToNeither) {
  EXPECT_DOUBLE_EQ(won(kOurs, kOurs, 1), 0);
}

}  // namespace
}  // namespace inc::tuning
