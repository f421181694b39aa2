#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

using ::testing::ElementsAre;
using testing::list;
using testing::run_op;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

ir::Tensor floats(const std::vector<float>& values) {
  return ir::Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values);
}
template <class T>
ir::Tensor integers(const std::vector<T>& values) {
  return ir::Tensor::of<T>({static_cast<std::int64_t>(values.size())}, values);
}

TEST(Elementwise, BroadcastsBothSides) {
  const auto a = ir::Tensor::of<float>({2, 1}, {1, 2});
  const auto b = ir::Tensor::of<float>({3}, {10, 20, 30});
  const auto sum = run_op("Add", {a, b})[0];
  EXPECT_EQ(sum.shape(), (ir::Shape{2, 3}));
  EXPECT_THAT(list<float>(sum), ElementsAre(11, 21, 31, 12, 22, 32));
}

TEST(Elementwise, RefusesShapesThatDoNotBroadcast) {
  EXPECT_THROW(run_op("Add", {floats({1, 2}), floats({1, 2, 3})}), ModelError);
}

TEST(Elementwise, RefusesDifferentElementTypes) {
  EXPECT_THROW(run_op("Add", {floats({1}), integers<std::int32_t>({1})}), ModelError);
}

TEST(Elementwise, BroadcastsToNothing) {
  EXPECT_EQ(run_op("Mul", {ir::Tensor(DType::Float, {0, 3}), ir::Tensor::scalar(2.0f)})[0].shape(), (ir::Shape{0, 3}));
}

TEST(Elementwise, IntegersWrapAround) {
  const auto most = std::numeric_limits<std::int32_t>::max();
  EXPECT_THAT(list<std::int32_t>(run_op("Add", {integers<std::int32_t>({most}), integers<std::int32_t>({1})})[0]),
              ElementsAre(-most - 1));
  EXPECT_THAT(list<std::uint8_t>(run_op("Mul", {integers<std::uint8_t>({16}), integers<std::uint8_t>({17})})[0]),
              ElementsAre(16));
  EXPECT_THAT(
      list<std::int32_t>(run_op("Div", {integers<std::int32_t>({-most - 1, -7}), integers<std::int32_t>({-1, 2})})[0]),
      ElementsAre(-most - 1, -3));
}

TEST(Elementwise, IntegerDivisionByZeroIsADataError) {
  EXPECT_THROW(run_op("Div", {integers<std::int64_t>({1}), integers<std::int64_t>({0})}), DataError);
  EXPECT_THROW(run_op("Mod", {integers<std::int64_t>({1}), integers<std::int64_t>({0})}), DataError);
}

TEST(Elementwise, ModTakesTheSignOfTheDivisorOrOfTheDividend) {
  const auto a = integers<std::int32_t>({-4, 7, 5}), b = integers<std::int32_t>({2, -3, 8});
  EXPECT_THAT(list<std::int32_t>(run_op("Mod", {a, b})[0]), ElementsAre(0, -2, 5));
  EXPECT_THAT(list<std::int32_t>(run_op("Mod", {a, b}, {{"fmod", std::int64_t{1}}})[0]), ElementsAre(0, 1, 5));
}

TEST(Elementwise, RoundTakesTiesToEven) {
  EXPECT_THAT(list<float>(run_op("Round", {floats({0.5f, 1.5f, 2.5f, -0.5f, -1.5f})})[0]), ElementsAre(0, 2, 2, -0.0f, -2));
}

TEST(Elementwise, ExtremesPropagateNan) {
  const auto most = list<float>(run_op("Max", {floats({kNan, 1, 2}), floats({3, kNan, 1})})[0]);
  EXPECT_TRUE(std::isnan(most[0]));
  EXPECT_TRUE(std::isnan(most[1]));
  EXPECT_EQ(most[2], 2);
  EXPECT_TRUE(std::isnan(list<float>(run_op("Relu", {floats({kNan})})[0])[0]));
}

TEST(Elementwise, ClipHandsOnNanAndStaysFiniteWithoutBounds) {
  const auto clipped = list<float>(run_op("Clip", {floats({NAN, INFINITY, -INFINITY})})[0]);
  EXPECT_TRUE(std::isnan(clipped[0]));
  EXPECT_EQ(clipped[1], std::numeric_limits<float>::max());
  EXPECT_EQ(clipped[2], std::numeric_limits<float>::lowest());
}

TEST(Elementwise, RealResultsOfIntegersAreClamped) {
  const auto levels = ir::Tensor::of<std::int8_t>({3}, {-100, 0, 100});
  EXPECT_THAT(list<std::int8_t>(run_op("Pow", {levels, floats({3, -1, 3})})[0]), ElementsAre(-128, 127, 127));
  EXPECT_THAT(list<std::int8_t>(run_op("Shrink", {levels}, {{"bias", 100.0f}})[0]), ElementsAre(0, 0, 0));
  EXPECT_THAT(list<std::int8_t>(run_op("Shrink", {levels}, {{"bias", -100.0f}})[0]), ElementsAre(-128, 0, 127));
}

TEST(Elementwise, ClipWithCrossedBoundsGivesTheUpperOne) {
  EXPECT_THAT(list<float>(run_op("Clip", {floats({-5, 5}), ir::Tensor::scalar(2.0f), ir::Tensor::scalar(1.0f)})[0]),
              ElementsAre(1, 1));
  EXPECT_THAT(list<float>(run_op("Clip", {floats({-5, 5}), ir::Tensor{}, ir::Tensor::scalar(1.0f)})[0]), ElementsAre(-5, 1));
}

TEST(Elementwise, CastTruncatesAndTestsForZero) {
  const std::int64_t to_int32 = 6, to_bool = 9, to_bfloat16 = 16, to_string = 8;
  EXPECT_THAT(list<std::int32_t>(run_op("Cast", {floats({-1.9f, 1.9f})}, {{"to", to_int32}})[0]), ElementsAre(-1, 1));
  EXPECT_THAT(list<bool>(run_op("Cast", {floats({0.25f, -0.0f, kNan})}, {{"to", to_bool}})[0]),
              ElementsAre(true, false, true));
  EXPECT_EQ(list<BFloat16>(run_op("Cast", {floats({1.00390625f})}, {{"to", to_bfloat16}})[0])[0], BFloat16(1.0f));
  EXPECT_THROW(run_op("Cast", {floats({1})}, {{"to", to_string}}), UnsupportedError);
}

TEST(Elementwise, HalfTypesAreComputedInFloatAndRoundedOnce) {
  const auto one = ir::Tensor::scalar(BFloat16(1.0f)), tiny = ir::Tensor::scalar(BFloat16(0x1p-8f));
  EXPECT_EQ(list<BFloat16>(run_op("Add", {one, tiny})[0])[0], BFloat16(1.0f));
  EXPECT_EQ(list<BFloat16>(run_op("Sum", {one, tiny, tiny})[0])[0], BFloat16(1.0f + 0x1p-7f));
}

TEST(Elementwise, PowKeepsTheTypeOfTheBase) {
  const auto power = run_op("Pow", {integers<std::int64_t>({-3, 2}), integers<std::int64_t>({3, 62})})[0];
  EXPECT_THAT(list<std::int64_t>(power), ElementsAre(-27, std::int64_t{1} << 62));
  EXPECT_THAT(list<float>(run_op("Pow", {floats({4, 9}), ir::Tensor::scalar(0.5)})[0]), ElementsAre(2, 3));
}

TEST(Elementwise, ShiftsBeyondTheWidthLeaveTheSign) {
  const auto x = integers<std::int32_t>({-8, 8}), far = integers<std::int32_t>({40, 40});
  EXPECT_THAT(list<std::int32_t>(run_op("BitShift", {x, far}, {{"direction", std::string("RIGHT")}})[0]),
              ElementsAre(-1, 0));
  EXPECT_THAT(list<std::int32_t>(run_op("BitShift", {x, far}, {{"direction", std::string("LEFT")}})[0]), ElementsAre(0, 0));
  EXPECT_THROW(run_op("BitShift", {x, far}, {{"direction", std::string("UP")}}), UnsupportedError);
}

TEST(Elementwise, WhereBroadcastsAllThree) {
  const auto condition = ir::Tensor::of<bool>({2, 1}, {true, false});
  const auto out = run_op("Where", {condition, integers<std::int16_t>({1, 2}), ir::Tensor::scalar<std::int16_t>(9)})[0];
  EXPECT_THAT(list<std::int16_t>(out), ElementsAre(1, 2, 9, 9));
}

TEST(Elementwise, InfinityIsToldBySign) {
  const auto x = floats({kInf, -kInf, kNan, 1});
  EXPECT_THAT(list<bool>(run_op("IsInf", {x}, {{"detect_negative", std::int64_t{0}}})[0]),
              ElementsAre(true, false, false, false));
  EXPECT_THAT(list<bool>(run_op("IsNaN", {x})[0]), ElementsAre(false, false, true, false));
}

TEST(Elementwise, SoftplusNeitherOverflowsNorVanishes) {
  EXPECT_THAT(list<float>(run_op("Softplus", {floats({1000, -100})})[0]),
              ElementsAre(1000, ::testing::FloatEq(std::exp(-100.0f))));
}

TEST(Elementwise, DropoutIsTheIdentityAndRefusesTraining) {
  const auto x = floats({1, 2});
  const auto out = run_op("Dropout", {x}, {}, 2);
  EXPECT_TRUE(ir::identical(out[0], x));
  EXPECT_THAT(list<bool>(out[1]), ElementsAre(true, true));
  EXPECT_THROW(run_op("Dropout", {x, ir::Tensor::scalar(0.5f), ir::Tensor::scalar(true)}), UnsupportedError);
}

TEST(Elementwise, LogicRefusesNumbers) {
  EXPECT_THROW(run_op("And", {floats({1}), floats({1})}), ModelError);
}

}  // namespace
}  // namespace inc
