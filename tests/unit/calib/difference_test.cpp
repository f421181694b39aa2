#include "core/calib/difference.h"

#include <gtest/gtest.h>

namespace inc::calib {
namespace {

using quant::RangeMethod;

TEST(Difference, TellsHowMuchNarrowerAMethodIs) {
  quant::RangeTable table;
  const auto add = [&](std::uint32_t value, quant::Range whole, quant::Range kl) {
    table.tensor[{ir::ValueId{value}, RangeMethod::MinMax}] = whole;
    table.tensor[{ir::ValueId{value}, RangeMethod::Kl}] = kl;
  };
  add(0, {0, 10}, {0, 5});
  add(1, {-4, 4}, {-4, 4});
  add(2, {2, 8}, {2, 8});
  add(3, {0, 0}, {0, 0});
  add(4, {-10, 0}, {-1, 0});
  const auto found = differences_from_minmax(table);
  ASSERT_EQ(found.size(), 1u);
  const RangeDifference& kl = found.at(RangeMethod::Kl);
  EXPECT_EQ(kl.values, 5);
  EXPECT_EQ(kl.clipped, 2);
  EXPECT_EQ(kl.median_width, 1);
  EXPECT_FLOAT_EQ(static_cast<float>(kl.least_width), 0.1f);
}

TEST(Difference, LeavesOutWhatHasNoMinMaxRange) {
  quant::RangeTable table;
  table.tensor[{ir::ValueId{1}, RangeMethod::Mse}] = {0, 1};
  EXPECT_TRUE(differences_from_minmax(table).empty());
}

}  // namespace
}  // namespace inc::calib
