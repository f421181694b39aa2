#include <gtest/gtest.h>

#include "tests/support/approx.h"
#include "tests/support/run.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

ir::Tensor quantized_and_back(const ir::Tensor& x, const QParams& p) {
  return dequantize(quantize(x, p), p);
}

TEST(QdqNumerics, GraphComputesWhatTheOracleSays) {
  const ir::Tensor weight = random_tensor({5, 4, 3, 3}, 1), bias = random_tensor({5}, 2),
                   x = random_tensor({1, 4, 8, 8}, 3, 1.2f);
  const ir::Attrs relu{{"activation", std::string("relu")}};
  Builder b;
  const auto in = b.input("x", x.shape());
  b.output(
      b.node("inc.Conv", "y", {in, b.graph.add_constant("w", weight), b.graph.add_constant("b", bias)}, {1, 5, 6, 6}, relu));

  const QParams data = qparams_from_range({-1, 1}, default_activation_scheme());
  const QuantizedWeight q = quantize_weight(weight, default_weight_scheme(), 0, PairOrder::Conv);
  QParams sums{DType::Int32, {}, std::vector<std::int32_t>(5, 0), 0};
  for (const float s : q.qparams.scale) sums.scale.push_back(s * data.scale[0]);
  Builder oracle;
  const auto seen = oracle.input("x", x.shape());
  oracle.output(oracle.node("inc.Conv", "y",
                            {seen, oracle.graph.add_constant("w", dequantize(q.q, q.qparams)),
                             oracle.graph.add_constant("b", quantized_and_back(bias, sums))},
                            {1, 5, 6, 6}, relu));
  const auto got = testing::run(quantized(b.graph), std::vector<ir::Tensor>{x});
  const auto expected = testing::run(oracle.graph, std::vector<ir::Tensor>{quantized_and_back(x, data)});
  EXPECT_TRUE(testing::agree(got.at(0), expected.at(0), testing::Exact{}));
}

TEST(QdqNumerics, IntegerAccumulationGivesTheSameSums) {
  const ir::Tensor weight = random_tensor({16, 3}, 1), bias = random_tensor({3}, 2, 100), x = random_tensor({4, 16}, 3);
  Builder b;
  b.output(b.node("Gemm", "y", {b.input("x", x.shape()), b.graph.add_constant("w", weight), b.graph.add_constant("b", bias)},
                  {4, 3}));
  const ir::Graph q = quantized(b.graph);
  const auto constant = [&](const char* name) { return *q.constant(*q.find_value(name)); };
  const QParams data = qparams_from_range({-1, 1}, default_activation_scheme());
  const auto xs = quantize(x, data).to_int64s(), ws = constant("w_quantized").to_int64s(),
             bs = constant("b_quantized").to_int64s();
  ir::Tensor expected(DType::Float, {4, 3});
  for (std::size_t m = 0; m < 4; ++m)
    for (std::size_t n = 0; n < 3; ++n) {
      std::int64_t sum = bs[n];
      for (std::size_t k = 0; k < 16; ++k) sum += (xs[m * 16 + k] - data.zero_point[0]) * ws[k * 3 + n];
      expected.mutable_data<float>()[m * 3 + n] = static_cast<float>(sum) * constant("b_scale").values<float>()[n];
    }
  EXPECT_TRUE(testing::agree(testing::run(q, std::vector<ir::Tensor>{x}).at(0), expected, testing::Gemm{17, 10}));
}

/// x → two anchors → movement of every kind → anchor; the same numbers with and without spreading.
TEST(QdqNumerics, SpreadingThroughMovementAndConcatChangesNoBit) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  const auto first = b.node("inc.Conv", "first", {x, b.weight("w0", {4, 4, 1, 1}, 1)}, {1, 4, 8, 8});
  const auto second = b.node("inc.Conv", "second", {x, b.weight("w1", {4, 4, 1, 1}, 2)}, {1, 4, 8, 8});
  const auto pool =
      b.node("MaxPool", "pool", {first}, {1, 4, 8, 8},
             {{"kernel_shape", std::vector<std::int64_t>{3, 3}}, {"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
  const auto turned =
      b.node("Transpose", "turned", {second}, {1, 4, 8, 8}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}});
  const auto joined = b.node("Concat", "joined", {pool, turned}, {1, 8, 8, 8}, {{"axis", std::int64_t{1}}});
  const auto pads = b.graph.add_constant("pads", ir::Tensor::of<std::int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1}));
  const auto padded = b.node("Pad", "padded", {joined, pads}, {1, 8, 10, 10});
  const auto shape = b.graph.add_constant("shape", ir::Tensor::of<std::int64_t>({2}, {1, 800}));
  const auto flat = b.node("Reshape", "flat", {padded, shape}, {1, 800});
  b.output(b.node("MatMul", "y", {flat, b.weight("w2", {800, 3}, 3)}, {1, 3}));
  const ir::Graph plain = quantized(b.graph, {false, false, false, false}), spread = quantized(b.graph);
  EXPECT_FALSE(plain.find_value("first_quantized").has_value());
  EXPECT_TRUE(spread.find_value("first_quantized").has_value());
  EXPECT_TRUE(spread.find_value("second_quantized").has_value());
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const std::vector<ir::Tensor> data{random_tensor({1, 4, 8, 8}, seed, 1.5f)};
    EXPECT_TRUE(testing::agree(testing::run(spread, data).at(0), testing::run(plain, data).at(0), testing::Exact{}));
  }
}

}  // namespace
}  // namespace inc::quant
