// BF16 means: FP32 arithmetic on BF16 inputs, the result rounded once to nearest even.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random.h"
#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

ir::Tensor as(DType to, const ir::Tensor& tensor) {
  const std::int64_t code = to == DType::BFloat16 ? 16 : 1;
  return testing::run_op("Cast", {tensor}, {{"to", code}})[0];
}

struct Case {
  const char* op;
  std::vector<ir::Shape> inputs;
  ir::Attrs attrs;
};

std::vector<Case> cases() {
  using Ints = std::vector<std::int64_t>;
  ir::Attrs residual{{"activation", std::string("gelu")}};
  return {{"Conv", {{1, 3, 5, 5}, {4, 3, 3, 3}, {4}}, {}},
          {"inc.Conv", {{1, 3, 5, 5}, {4, 3, 3, 3}, {4}, {1, 4, 3, 3}}, residual},
          {"MatMul", {{3, 17}, {17, 5}}, {}},
          {"inc.MatMul", {{3, 17}, {17, 5}, {5}, {3, 5}}, residual},
          {"Gemm", {{3, 17}, {17, 5}, {5}}, {{"alpha", 0.3f}, {"beta", 0.7f}}},
          {"Add", {{3, 4}, {4}}, {}},
          {"Sum", {{9, 9}, {9, 9}, {9, 9}, {9, 9}}, {}},
          {"Div", {{3, 40}, {40}}, {}},
          {"Sigmoid", {{70}}, {}},
          {"Gelu", {{70}}, {}},
          {"HardSwish", {{70}}, {}},
          {"Softmax", {{5, 33}}, {}},
          {"LayerNormalization", {{5, 33}, {33}, {33}}, {}},
          {"GlobalAveragePool", {{1, 5, 7, 7}}, {}},
          {"AveragePool", {{1, 2, 7, 7}}, {{"kernel_shape", Ints{3, 3}}}},
          {"MaxPool", {{1, 2, 7, 7}}, {{"kernel_shape", Ints{3, 3}}}},
          {"ReduceMean", {{6, 31}}, {}},
          {"Transpose", {{3, 4}}, {}},
          {"Concat", {{3, 4}, {2, 4}}, {{"axis", std::int64_t{0}}}}};
}

class RoundsOnce : public ::testing::TestWithParam<Case> {};

TEST_P(RoundsOnce, FromTheResultInFp32) {
  Rng rng(11);
  std::vector<ir::Tensor> narrow, wide;
  for (const ir::Shape& shape : GetParam().inputs) {
    narrow.push_back(as(DType::BFloat16, testing::random_tensor(DType::Float, shape, rng, -2, 2)));
    wide.push_back(as(DType::Float, narrow.back()));
  }
  const auto found = testing::run_op(GetParam().op, narrow, GetParam().attrs)[0];
  const auto real = testing::run_op(GetParam().op, wide, GetParam().attrs)[0];
  ASSERT_EQ(real.dtype(), DType::Float);
  EXPECT_TRUE(ir::identical(found, as(DType::BFloat16, real)));
}

INSTANTIATE_TEST_SUITE_P(All, RoundsOnce, ::testing::ValuesIn(cases()), [](const auto& item) {
  std::string name = item.param.op;
  std::erase(name, '.');
  return name;
});

TEST(BFloat16, ComparisonsAndCastsSeeTheNumbersThemselves) {
  const auto x = ir::Tensor::of<BFloat16>({3}, {BFloat16(1.5f), BFloat16(-2.0f), BFloat16(std::nanf(""))});
  EXPECT_EQ(testing::list<float>(as(DType::Float, x))[1], -2.0f);
  EXPECT_TRUE(std::isnan(testing::list<float>(as(DType::Float, x))[2]));
  const auto less = testing::run_op("Less", {x, ir::Tensor::scalar(BFloat16(0.0f))})[0];
  EXPECT_EQ(testing::list<bool>(less), (std::vector<bool>{false, true, false}));
}

}  // namespace
}  // namespace inc
