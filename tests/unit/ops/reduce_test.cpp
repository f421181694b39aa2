#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

using ::testing::ElementsAre;
using testing::list;
using testing::run_op;
using Integers = std::vector<std::int64_t>;

constexpr float kInfinite = std::numeric_limits<float>::infinity();

ir::Tensor matrix() {
  return ir::Tensor::of<float>({2, 3}, {1, -2, 3, 4, 5, -6});
}
ir::Tensor axes(const Integers& values) {
  return ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

TEST(Reduce, TakesAxesFromTheInputOrFromTheAttributeOfOlderOpsets) {
  EXPECT_THAT(list<float>(run_op("ReduceSum", {matrix(), axes({-1})})[0]), ElementsAre(2, 3));
  EXPECT_THAT(list<float>(run_op("ReduceMean", {matrix()}, {{"axes", Integers{0}}}, 1, 13)[0]),
              ElementsAre(2.5f, 1.5f, -1.5f));
}

TEST(Reduce, KeepsOrDropsTheReducedDimensions) {
  EXPECT_EQ(run_op("ReduceMax", {matrix(), axes({1})})[0].shape(), (ir::Shape{2, 1}));
  EXPECT_EQ(run_op("ReduceMax", {matrix(), axes({1})}, {{"keepdims", std::int64_t{0}}})[0].shape(), (ir::Shape{2}));
  EXPECT_EQ(run_op("ReduceMax", {matrix()}, {{"keepdims", std::int64_t{0}}})[0].shape(), (ir::Shape{}));
}

TEST(Reduce, EmptyAxesMeanAllOrNone) {
  EXPECT_THAT(list<float>(run_op("ReduceSum", {matrix(), axes({})})[0]), ElementsAre(5));
  const ir::Attrs noop{{"noop_with_empty_axes", std::int64_t{1}}};
  EXPECT_THAT(list<float>(run_op("ReduceSum", {matrix(), axes({})}, noop)[0]), ElementsAre(1, -2, 3, 4, 5, -6));
  EXPECT_THAT(list<float>(run_op("ReduceL1", {matrix(), axes({})}, noop)[0]), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Reduce, NothingReducesToTheNeutralElement) {
  const ir::Tensor nothing(DType::Float, {2, 0});
  EXPECT_THAT(list<float>(run_op("ReduceSum", {nothing, axes({1})})[0]), ElementsAre(0, 0));
  EXPECT_THAT(list<float>(run_op("ReduceProd", {nothing, axes({1})})[0]), ElementsAre(1, 1));
  EXPECT_THAT(list<float>(run_op("ReduceMax", {nothing, axes({1})})[0]), ElementsAre(-kInfinite, -kInfinite));
  EXPECT_THAT(list<float>(run_op("ReduceLogSumExp", {nothing, axes({1})})[0]), ElementsAre(-kInfinite, -kInfinite));
}

TEST(Reduce, SumsAreAccumulatedInDouble) {
  std::vector<float> values(10000, 0.1f);
  values[0] = 1e8f;
  const auto sum = run_op("ReduceSum", {ir::Tensor::of<float>({10000}, values)})[0].data<float>()[0];
  EXPECT_EQ(sum, static_cast<float>(1e8 + 9999 * static_cast<double>(0.1f)));
}

TEST(Reduce, LogSumExpDoesNotOverflow) {
  EXPECT_FLOAT_EQ(run_op("ReduceLogSumExp", {ir::Tensor::of<float>({2}, {1000, 1000})})[0].data<float>()[0],
                  1000 + std::log(2.0f));
}

TEST(Reduce, RefusesAxesOutsideTheTensorOrTwice) {
  EXPECT_THROW(run_op("ReduceSum", {matrix(), axes({2})}), ModelError);
  EXPECT_THROW(run_op("ReduceSum", {matrix(), axes({1, -1})}), ModelError);
}

TEST(Arg, TiesGoToTheFirstOrTheLast) {
  const auto x = ir::Tensor::of<float>({4}, {3, 7, 7, 1});
  EXPECT_THAT(list<std::int64_t>(run_op("ArgMax", {x})[0]), ElementsAre(1));
  EXPECT_THAT(list<std::int64_t>(run_op("ArgMax", {x}, {{"select_last_index", std::int64_t{1}}})[0]), ElementsAre(2));
  EXPECT_THAT(list<std::int64_t>(run_op("ArgMin", {x})[0]), ElementsAre(3));
}

TEST(TopK, OrdersByValueThenByIndex) {
  const auto x = ir::Tensor::of<float>({5}, {1, 5, 3, 5, 2});
  const auto top = run_op("TopK", {x, axes({3})}, {}, 2);
  EXPECT_THAT(list<float>(top[0]), ElementsAre(5, 5, 3));
  EXPECT_THAT(list<std::int64_t>(top[1]), ElementsAre(1, 3, 2));
  const auto low = run_op("TopK", {x, axes({2})}, {{"largest", std::int64_t{0}}}, 2);
  EXPECT_THAT(list<std::int64_t>(low[1]), ElementsAre(0, 4));
  EXPECT_THROW(run_op("TopK", {x, axes({6})}, {}, 2), ModelError);
}

TEST(Cumulate, RunsEitherWayInclusiveOrNot) {
  const auto x = ir::Tensor::of<std::int32_t>({3}, {1, 2, 3});
  const auto axis = ir::Tensor::scalar<std::int64_t>(0);
  const ir::Attrs both{{"exclusive", std::int64_t{1}}, {"reverse", std::int64_t{1}}};
  EXPECT_THAT(list<std::int32_t>(run_op("CumSum", {x, axis})[0]), ElementsAre(1, 3, 6));
  EXPECT_THAT(list<std::int32_t>(run_op("CumSum", {x, axis}, both)[0]), ElementsAre(5, 3, 0));
  EXPECT_THAT(list<std::int32_t>(run_op("CumProd", {x, axis}, both)[0]), ElementsAre(6, 3, 1));
}

}  // namespace
}  // namespace inc
