#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

const ir::Node& producer(const ir::Graph& graph, const std::string& name) {
  return *graph.producer(*graph.find_value(name));
}

TEST(InsertQdq, QuantizesDataWeightAndBias) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  const auto y = b.node("inc.Conv", "y", {x, b.weight("w", {4, 4, 3, 3}), b.weight("b", {4})}, {1, 4, 6, 6},
                        {{"activation", std::string("relu")}});
  b.output(y);
  const ir::Graph q = quantized(b.graph);
  EXPECT_EQ(nodes_of(q),
            "x_quantized = QuantizeLinear(x, x_scale, x_zero_point)\n"
            "x_dequantized = DequantizeLinear(x_quantized, x_scale, x_zero_point)\n"
            "w_dequantized = DequantizeLinear(w_quantized, w_scale, w_zero_point)\n"
            "b_dequantized = DequantizeLinear(b_quantized, b_scale, b_zero_point)\n"
            "y = inc.Conv(x_dequantized, w_dequantized, b_dequantized)\n");
  EXPECT_EQ(q.node(b.id(y)).name, "y_node");
  EXPECT_EQ(producer(q, "w_dequantized").attrs.integer("axis", -1), 0);
  EXPECT_EQ(producer(q, "b_dequantized").attrs.integer("axis", -1), 0);
  EXPECT_FALSE(producer(q, "x_dequantized").attrs.has("axis"));
  EXPECT_EQ(q.value(*q.find_value("x_quantized")).type.to_string(), "uint8[1,4,8,8]");
  EXPECT_EQ(q.constant(*q.find_value("w_quantized"))->dtype(), DType::Int8);
  EXPECT_EQ(q.constant(*q.find_value("w_zero_point"))->dtype(), DType::Int8);
  EXPECT_EQ(q.constant(*q.find_value("b_quantized"))->dtype(), DType::Int32);
  EXPECT_EQ(q.constant(*q.find_value("x_scale"))->rank(), 0);
  EXPECT_FALSE(q.find_value("w").has_value());
}

TEST(InsertQdq, BiasScaleIsDataScaleTimesWeightScale) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  b.output(b.node("Gemm", "y", {x, b.weight("w", {6, 3}), b.weight("b", {3}, 7)}, {2, 3}));
  const ir::Graph q = quantized(b.graph);
  const float data = q.constant(*q.find_value("x_scale"))->values<float>()[0];
  for (std::size_t c = 0; c < 3; ++c) {
    const float weight = q.constant(*q.find_value("w_scale"))->values<float>()[c];
    EXPECT_EQ(q.constant(*q.find_value("b_scale"))->values<float>()[c], data * weight);
  }
}

TEST(InsertQdq, OnePairServesAllUsersOfAValue) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  for (const char* name : {"q", "k", "v"})
    b.output(b.node("MatMul", name, {x, b.weight(std::string(name) + "w", {6, 6}, 3)}, {2, 6}));
  const ir::Graph q = quantized(b.graph);
  EXPECT_EQ(nodes_of(q),
            "x_quantized = QuantizeLinear(x, x_scale, x_zero_point)\n"
            "x_dequantized = DequantizeLinear(x_quantized, x_scale, x_zero_point)\n"
            "qw_dequantized = DequantizeLinear(qw_quantized, qw_scale, qw_zero_point)\n"
            "q = MatMul(x_dequantized, qw_dequantized)\n"
            "k = MatMul(x_dequantized, qw_dequantized)\n"
            "v = MatMul(x_dequantized, qw_dequantized)\n");
}

TEST(InsertQdq, TwoSchemesOfOneValueAreTwoPairs) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  const auto first = b.node("MatMul", "first", {x, b.weight("w0", {6, 6}, 1)}, {2, 6});
  const auto second = b.node("MatMul", "second", {x, b.weight("w1", {6, 6}, 2)}, {2, 6});
  b.output(first);
  b.output(second);
  QuantConfig config = all_int8(b.graph);
  config.ops[b.id(second)].activation.symmetry = Symmetry::Symmetric;
  WeightCache cache;
  const ir::Graph q = insert_qdq(b.graph, config, unit_ranges(b.graph), cache);
  q.verify();
  EXPECT_NE(q.node(b.id(first)).inputs[0], q.node(b.id(second)).inputs[0]);
  EXPECT_TRUE(q.find_value("x_1_quantized").has_value());
}

TEST(InsertQdq, OperatorsOutsideTheConfigurationAreUntouched) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  const auto h = b.node("MatMul", "h", {x, b.weight("w0", {6, 6}, 1)}, {2, 6});
  const auto s = b.node("Softmax", "s", {h}, {2, 6});
  b.output(b.node("MatMul", "y", {s, b.weight("w1", {6, 6}, 2)}, {2, 6}));
  WeightCache cache;
  EXPECT_EQ(nodes_of(insert_qdq(b.graph, {}, {}, cache)), nodes_of(b.graph));
  QuantConfig config = all_int8(b.graph);
  config.ops[b.id(h)].precision = Precision::Fp32;
  EXPECT_EQ(nodes_of(insert_qdq(b.graph, config, unit_ranges(b.graph), cache)),
            "h = MatMul(x, w0)\n"
            "s = Softmax(h)\n"
            "s_quantized = QuantizeLinear(s, s_scale, s_zero_point)\n"
            "s_dequantized = DequantizeLinear(s_quantized, s_scale, s_zero_point)\n"
            "w1_dequantized = DequantizeLinear(w1_quantized, w1_scale, w1_zero_point)\n"
            "y = MatMul(s_dequantized, w1_dequantized)\n");
}

TEST(InsertQdq, MasksSoftmaxAndResultsOfAnchorsStayFp32) {
  Builder b;
  const auto x = b.input("x", {4, 6});
  const auto mask = b.weight("mask", {4, 4});
  const auto scores = b.node("MatMul", "scores", {x, b.weight("w", {6, 4})}, {4, 4});
  const auto masked = b.node("Add", "masked", {scores, mask}, {4, 4});
  const auto soft = b.node("Softmax", "soft", {masked}, {4, 4});
  b.output(b.node("MatMul", "y", {soft, x}, {4, 6}));
  EXPECT_EQ(nodes_of(quantized(b.graph)),
            "x_quantized = QuantizeLinear(x, x_scale, x_zero_point)\n"
            "x_dequantized = DequantizeLinear(x_quantized, x_scale, x_zero_point)\n"
            "w_dequantized = DequantizeLinear(w_quantized, w_scale, w_zero_point)\n"
            "scores = MatMul(x_dequantized, w_dequantized)\n"
            "masked = Add(scores, mask)\n"
            "soft = Softmax(masked)\n"
            "y = MatMul(soft, x)\n");
}

TEST(InsertQdq, AnActivationThatIsNotFusedIsNeverPassed) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  const auto c = b.node("Conv", "c", {x, b.weight("w0", {4, 4, 1, 1})}, {1, 4, 8, 8});
  const auto r = b.node("Relu", "r", {c}, {1, 4, 8, 8});
  b.output(b.node("Conv", "y", {r, b.weight("w1", {4, 4, 1, 1}, 2)}, {1, 4, 8, 8}));
  const ir::Graph q = quantized(b.graph);
  EXPECT_EQ(q.node(b.id(r)).inputs[0], c);
  EXPECT_EQ(q.value(c).consumers.size(), 1u);
}

TEST(InsertQdq, ResultsOfOneHotPiecesAreExact) {
  Builder b;
  const auto x = b.input("x", {2, 4});
  b.output(b.node("MatMul", "y", {x, b.weight("w", {4, 3})}, {2, 3}));
  RangeTable ranges;
  ranges.tensor[{x, RangeMethod::MinMax}] = {0, 1};
  WeightCache cache;
  const ir::Graph q = insert_qdq(b.graph, all_int8(b.graph), ranges, cache);
  const float scale = q.constant(*q.find_value("x_scale"))->values<float>()[0];
  const QParams p{DType::UInt8, {scale}, {q.constant(*q.find_value("x_zero_point"))->values<std::uint8_t>()[0]}, -1};
  const ir::Tensor hot = ir::Tensor::of<float>({3}, {0, 1, 0});
  EXPECT_TRUE(ir::identical(dequantize(quantize(hot, p), p), hot));
}

struct BiasCase {
  const char* what;
  ir::Shape bias;
  ir::Attrs attrs;
  bool integer;
};

TEST(InsertQdq, GemmBiasIsIntegerOnlyWhereItIsOneNumberPerChannel) {
  for (const BiasCase& c :
       {BiasCase{"vector", {3}, {}, true}, BiasCase{"row", {1, 3}, {}, true}, BiasCase{"matrix", {2, 3}, {}, false},
        BiasCase{"column", {2, 1}, {}, false}, BiasCase{"scalar", {}, {}, false}, BiasCase{"one", {1}, {}, false},
        BiasCase{"alpha", {3}, {{"alpha", 0.5f}}, false}, BiasCase{"beta", {3}, {{"beta", 2.0f}}, false}}) {
    Builder b;
    const auto x = b.input("x", {2, 6});
    const auto y = b.node("Gemm", "y", {x, b.weight("w", {6, 3}), b.weight("b", c.bias)}, {2, 3}, c.attrs);
    b.output(y);
    const ir::Graph q = quantized(b.graph);
    EXPECT_EQ(q.find_value("b_quantized").has_value(), c.integer) << c.what;
    EXPECT_EQ(q.constant(q.node(b.id(y)).inputs[2]) == nullptr, c.integer) << c.what;
    if (!c.integer) continue;
    EXPECT_EQ(producer(q, "b_dequantized").attrs.integer("axis", -1), static_cast<int>(c.bias.size()) - 1);
  }
}

TEST(InsertQdq, MissingAndComputedBiasesAreLeftAlone) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8}), computed = b.input("computed", {4});
  const auto none =
      b.node("inc.Conv", "none", {x, b.weight("w0", {4, 4, 1, 1}, 1), ir::ValueId{}, ir::ValueId{}}, {1, 4, 8, 8});
  const auto some = b.node("Conv", "some", {x, b.weight("w1", {4, 4, 1, 1}, 2), computed}, {1, 4, 8, 8});
  b.output(none);
  b.output(some);
  const ir::Graph q = quantized(b.graph);
  EXPECT_TRUE(q.node(b.id(none)).inputs[2].none());
  EXPECT_EQ(q.node(b.id(some)).inputs[2], computed);
}

TEST(InsertQdq, PadWithAnEmptyOptionalInputPassesLevelsThrough) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  const auto c = b.node("inc.Conv", "c", {x, b.weight("w0", {4, 4, 1, 1})}, {1, 4, 8, 8});
  const auto pads = b.graph.add_constant("pads", ir::Tensor::of<std::int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1}));
  const auto p = b.node("Pad", "p", {c, pads, ir::ValueId{}}, {1, 4, 10, 10});
  b.output(b.node("inc.Conv", "y", {p, b.weight("w1", {4, 4, 3, 3}, 2)}, {1, 4, 8, 8}));
  const ir::Graph q = quantized(b.graph);
  EXPECT_EQ(q.value(q.node(b.id(p)).inputs[0]).name, "c_dequantized");
  EXPECT_TRUE(q.node(b.id(p)).inputs[2].none());
}

TEST(InsertQdq, BiasThatWouldOverflowWidensItsWeightScale) {
  Builder b;
  const auto x = b.input("x", {2, 2});
  const auto w = b.graph.add_constant("w", ir::Tensor::of<float>({2, 3}, {1, 1e-12f, 0, -1, 1e-12f, 0}));
  const auto bias = b.graph.add_constant("b", ir::Tensor::of<float>({3}, {0.5f, 3.0f, 1e9f}));
  b.output(b.node("Gemm", "y", {x, w, bias}, {2, 3}));
  const ir::Graph q = quantized(b.graph);
  const auto scale = q.constant(*q.find_value("b_scale"))->values<float>();
  const auto ints = q.constant(*q.find_value("b_quantized"))->values<std::int32_t>();
  const std::vector<float> wanted{0.5f, 3.0f, 1e9f};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_LE(std::abs(static_cast<std::int64_t>(ints[c])), std::int64_t{1} << 30);
    EXPECT_NEAR(static_cast<float>(ints[c]) * scale[c], wanted[c], 1e-3f * wanted[c]);
    EXPECT_FLOAT_EQ(scale[c], q.constant(*q.find_value("x_scale"))->values<float>()[0] *
                                  q.constant(*q.find_value("w_scale"))->values<float>()[c]);
  }
  EXPECT_TRUE(cannot_saturate(*q.constant(*q.find_value("w_quantized")), PairOrder::MatMulKN));
}

TEST(InsertQdq, RefusesWhatIsNoAnchorAndSchemesItCannotDo) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  const auto s = b.node("Softmax", "s", {x}, {2, 6});
  const auto y = b.node("MatMul", "y", {s, b.weight("w", {6, 3})}, {2, 3});
  b.output(y);
  WeightCache cache;
  QuantConfig wrong;
  wrong.ops[b.id(s)] = {Precision::Int8};
  EXPECT_THROW(insert_qdq(b.graph, wrong, unit_ranges(b.graph), cache), ConfigError);
  EXPECT_THROW(insert_qdq(b.graph, all_int8(b.graph), {}, cache), InternalError);
  OpConfig per_channel{Precision::Int8};
  per_channel.activation.granularity = Granularity::PerChannel;
  EXPECT_THROW(insert_qdq(b.graph, all_int8(b.graph, per_channel), unit_ranges(b.graph), cache), ConfigError);
}

TEST(InsertQdq, PerTensorWeightsHaveScalarScales) {
  Builder b;
  const auto x = b.input("x", {2, 6});
  b.output(b.node("Gemm", "y", {x, b.weight("w", {6, 3}), b.weight("b", {3})}, {2, 3}));
  OpConfig config{Precision::Int8};
  config.weight.granularity = Granularity::PerTensor;
  WeightCache cache;
  const ir::Graph q = insert_qdq(b.graph, all_int8(b.graph, config), unit_ranges(b.graph), cache);
  for (const char* name : {"w", "b"}) {
    EXPECT_EQ(q.constant(*q.find_value(std::string(name) + "_scale"))->rank(), 0);
    EXPECT_FALSE(producer(q, std::string(name) + "_dequantized").attrs.has("axis"));
  }
}

}  // namespace
}  // namespace inc::quant
