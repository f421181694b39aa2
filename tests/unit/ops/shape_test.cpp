#include <gmock/gmock.h>

#include "core/ops/support.h"
#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::list;
using testing::run_op;

TEST(Shape, SlicesAndClampsItsBounds) {
  const ir::Tensor x(DType::Float, {2, 3, 4});
  EXPECT_THAT(list<std::int64_t>(run_op("Shape", {x})[0]), ElementsAre(2, 3, 4));
  EXPECT_THAT(list<std::int64_t>(run_op("Shape", {x}, {{"start", std::int64_t{-2}}})[0]), ElementsAre(3, 4));
  EXPECT_THAT(list<std::int64_t>(run_op("Shape", {x}, {{"start", std::int64_t{2}}, {"end", std::int64_t{1}}})[0]),
              IsEmpty());
  EXPECT_THAT(list<std::int64_t>(run_op("Size", {x})[0]), ElementsAre(24));
}

TEST(Range, CountsUpAndDownAndRefusesToStandStill) {
  const auto range = [](std::int32_t a, std::int32_t b, std::int32_t d) {
    return run_op("Range", {ir::Tensor::scalar(a), ir::Tensor::scalar(b), ir::Tensor::scalar(d)})[0];
  };
  EXPECT_THAT(list<std::int32_t>(range(3, 9, 3)), ElementsAre(3, 6));
  EXPECT_THAT(list<std::int32_t>(range(10, 4, -2)), ElementsAre(10, 8, 6));
  EXPECT_THAT(list<std::int32_t>(range(1, 0, 1)), IsEmpty());
  EXPECT_THROW(range(0, 5, 0), ModelError);
}

TEST(ConstantOfShape, FillsWithItsValueOrFloatZeros) {
  const auto shape = ir::Tensor::of<std::int64_t>({2}, {1, 2});
  EXPECT_THAT(list<float>(run_op("ConstantOfShape", {shape})[0]), ElementsAre(0, 0));
  EXPECT_THAT(list<std::int8_t>(run_op("ConstantOfShape", {shape}, {{"value", ir::Tensor::of<std::int8_t>({1}, {7})}})[0]),
              ElementsAre(7, 7));
  EXPECT_THROW(run_op("ConstantOfShape", {ir::Tensor::of<std::int64_t>({1}, {-1})}), ModelError);
}

TEST(NonZero, ListsCoordinatesRowMajor) {
  const auto out = run_op("NonZero", {ir::Tensor::of<bool>({2, 2}, {true, false, true, true})})[0];
  EXPECT_EQ(out.shape(), (ir::Shape{2, 3}));
  EXPECT_THAT(list<std::int64_t>(out), ElementsAre(0, 1, 1, 0, 0, 1));
}

TEST(EyeLike, ShiftsItsDiagonalAndChoosesItsType) {
  const auto out =
      run_op("EyeLike", {ir::Tensor(DType::Float, {2, 3})}, {{"k", std::int64_t{1}}, {"dtype", std::int64_t{7}}})[0];
  EXPECT_THAT(list<std::int64_t>(out), ElementsAre(0, 1, 0, 0, 0, 1));
}

TEST(Support, BroadcastStridesStandStillWhereATensorRepeats) {
  EXPECT_THAT(ops::broadcast_strides({3, 1}, {2, 3, 4}), ElementsAre(0, 1, 0));
  EXPECT_THROW(ops::broadcast_strides({2, 3}, {3}), ModelError);
  EXPECT_THROW(ops::broadcast_strides({2}, {3}), ModelError);
}

TEST(Support, PositionsAreVisitedInRowMajorOrder) {
  std::vector<std::int64_t> offsets;
  ops::for_each_position({2, 2}, {ops::Strides{1, 10}},
                         [&](std::int64_t, const std::int64_t* at) { offsets.push_back(at[0]); });
  EXPECT_THAT(offsets, ElementsAre(0, 10, 1, 11));
}

TEST(Support, AxesCountFromTheEndAndStayInside) {
  EXPECT_EQ(ops::normal_axis(-1, 3), 2);
  EXPECT_THROW(ops::normal_axis(3, 3), ModelError);
  EXPECT_THAT(ops::normal_axes({2, -3}, 3), ElementsAre(0, 2));
}

}  // namespace
}  // namespace inc
