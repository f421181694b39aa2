#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using testing::list;
using testing::run_op;

TEST(Softmax, IsShiftInvariantAndSumsToOneAlongItsAxis) {
  const auto x = ir::Tensor::of<float>({2, 2}, {1000, 1001, 0, 1});
  const auto y = list<float>(run_op("Softmax", {x})[0]);
  EXPECT_FLOAT_EQ(y[0] + y[1], 1);
  EXPECT_FLOAT_EQ(y[0], y[2]);
  const auto columns = list<float>(run_op("Softmax", {x}, {{"axis", std::int64_t{0}}})[0]);
  EXPECT_THAT(columns, ElementsAre(1, 1, 0, 0));
}

TEST(Softmax, LogarithmAndHardFormFollowIt) {
  const auto x = ir::Tensor::of<float>({3}, {1, 3, 3});
  const auto soft = list<float>(run_op("Softmax", {x})[0]), logarithm = list<float>(run_op("LogSoftmax", {x})[0]);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(std::log(soft[i]), logarithm[i]);
  EXPECT_THAT(list<float>(run_op("Hardmax", {x})[0]), ElementsAre(0, 1, 0));
  EXPECT_THROW(run_op("Softmax", {x}, {{"axis", std::int64_t{1}}}), ModelError);
}

TEST(LayerNormalization, GivesMeanAndInverseDeviation) {
  const auto x = ir::Tensor::of<float>({1, 4}, {1, 2, 3, 4});
  const auto scale = ir::Tensor::of<float>({4}, {1, 1, 2, 2}), bias = ir::Tensor::of<float>({1}, {1});
  const auto out = run_op("LayerNormalization", {x, scale, bias}, {{"epsilon", 0.0f}}, 3);
  const float inverse = 1 / std::sqrt(1.25f);
  EXPECT_THAT(list<float>(out[0]), ElementsAre(FloatEq(1 - 1.5f * inverse), FloatEq(1 - 0.5f * inverse),
                                               FloatEq(1 + inverse), FloatEq(1 + 3 * inverse)));
  EXPECT_THAT(list<float>(out[1]), ElementsAre(2.5f));
  EXPECT_THAT(list<float>(out[2]), ElementsAre(FloatEq(inverse)));
}

TEST(GroupNormalization, ScalesPerGroupBeforeOpset21AndPerChannelAfter) {
  const auto x = ir::Tensor::of<float>({1, 4, 1}, {-1, 1, -1, 1});
  const ir::Attrs attrs{{"num_groups", std::int64_t{2}}, {"epsilon", 0.0f}};
  const auto two = ir::Tensor::of<float>({2}, {1, 10}), zeros = ir::Tensor::of<float>({2}, {0, 0});
  EXPECT_THAT(list<float>(run_op("GroupNormalization", {x, two, zeros}, attrs, 1, 18)[0]), ElementsAre(-1, 1, -10, 10));
  EXPECT_THROW(run_op("GroupNormalization", {x, two, zeros}, attrs, 1, 21), ModelError);
  const auto four = ir::Tensor::of<float>({4}, {1, 2, 3, 4}), more = ir::Tensor::of<float>({4}, {0, 0, 0, 0});
  EXPECT_THAT(list<float>(run_op("GroupNormalization", {x, four, more}, attrs)[0]), ElementsAre(-1, 2, -3, 4));
}

TEST(BatchNormalization, UsesTheStoredStatisticsAndRefusesTraining) {
  const auto x = ir::Tensor::of<float>({1, 2, 1, 2}, {1, 3, 10, 20});
  const auto v = [](float a, float b) { return ir::Tensor::of<float>({2}, {a, b}); };
  const std::vector<ir::Tensor> inputs{x, v(2, 1), v(0, 5), v(1, 10), v(4, 25)};
  EXPECT_THAT(list<float>(run_op("BatchNormalization", inputs, {{"epsilon", 0.0f}})[0]), ElementsAre(0, 2, 5, 7));
  EXPECT_THROW(run_op("BatchNormalization", inputs, {{"training_mode", std::int64_t{1}}}, 3), UnsupportedError);
}

TEST(LpNormalization, LeavesZerosAlone) {
  EXPECT_THAT(list<float>(run_op("LpNormalization", {ir::Tensor::of<float>({2, 2}, {0, 0, 3, 4})})[0]),
              ElementsAre(0, 0, FloatEq(0.6f), FloatEq(0.8f)));
}

TEST(Loss, IgnoresALabelAndRefusesForeignOnes) {
  const auto scores = ir::Tensor::of<float>({2, 2}, {-1, -2, -3, -4});
  const auto labels = ir::Tensor::of<std::int64_t>({2}, {1, -1});
  const auto loss = run_op("NegativeLogLikelihoodLoss", {scores, labels}, {{"ignore_index", std::int64_t{-1}}})[0];
  EXPECT_THAT(list<float>(loss), ElementsAre(2));
  EXPECT_THROW(run_op("NegativeLogLikelihoodLoss", {scores, labels}), DataError);
}

}  // namespace
}  // namespace inc
