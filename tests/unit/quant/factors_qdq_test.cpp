#include <gtest/gtest.h>

#include "core/quant/factors.h"
#include "core/quant/fold_factors.h"
#include "tests/support/approx.h"
#include "tests/unit/quant/factor_graphs.h"

namespace inc::quant {
namespace {

ir::Graph inserted(const ir::Graph& graph, const QuantConfig& config, const RangeTable& ranges, bool fold) {
  WeightCache cache;
  QdqOptions options;
  options.fold_factors = fold;
  ir::Graph out = insert_qdq(graph, config, ranges, cache, options);
  out.verify();
  return out;
}

ir::Tensor through(const ir::Tensor& x, const QParams& p) {
  return dequantize(quantize(x, p), p);
}

std::size_t count(const ir::Graph& graph, const std::string& op) {
  const auto nodes = graph.nodes();
  return static_cast<std::size_t>(
      std::count_if(nodes.begin(), nodes.end(), [&](ir::NodeId id) { return graph.node(id).op == op; }));
}

/// x → depthwise convolution over channels of very different width.
struct Depthwise {
  Builder b;
  ir::ValueId x, y;
  ir::Tensor weight = random_tensor({6, 1, 3, 3}, 2), bias = random_tensor({6}, 3, 0.1f);

  Depthwise() {
    x = b.input("x", {1, 6, 8, 8});
    y = b.node("inc.Conv", "y", {x, b.graph.add_constant("w", weight), b.graph.add_constant("b", bias)}, {1, 6, 6, 6},
               {{"group", std::int64_t{6}}});
    b.output(y);
  }
  ir::Tensor data() const { return spread_data({1, 6, 8, 8}, 1); }
};

TEST(ChannelFactors, DepthwiseInputsAreDividedQuantizedAndMetByScaledWeights) {
  Depthwise g;
  const ir::Graph q = inserted(g.b.graph, all_int8(g.b.graph, per_channel_int8()), observed(g.b.graph, {g.data()}), true);
  EXPECT_EQ(nodes_of(q),
            "x_scaled = Mul(x, x_scaled_by)\n"
            "x_scaled_quantized = QuantizeLinear(x_scaled, x_scaled_scale, x_scaled_zero_point)\n"
            "x_scaled_dequantized = DequantizeLinear(x_scaled_quantized, x_scaled_scale, x_scaled_zero_point)\n"
            "w_dequantized = DequantizeLinear(w_quantized, w_scale, w_zero_point)\n"
            "b_dequantized = DequantizeLinear(b_quantized, b_scale, b_zero_point)\n"
            "y = inc.Conv(x_scaled_dequantized, w_dequantized, b_dequantized)\n");
  EXPECT_EQ(q.constant(*q.find_value("x_scaled_by"))->shape(), (ir::Shape{1, 6, 1, 1}));
  EXPECT_EQ(q.constant(*q.find_value("x_scaled_scale"))->rank(), 0);
}

TEST(ChannelFactors, DepthwiseChannelsKeepTheirOwnPrecision) {
  Depthwise g;
  const RangeTable ranges = observed(g.b.graph, {g.data()});
  const std::vector<ir::Tensor> x{g.data()};
  const ir::Tensor exact = testing::run(g.b.graph, x).at(0);
  const auto worst = [&](const OpConfig& config) {
    const ir::Tensor got = testing::run(inserted(g.b.graph, all_int8(g.b.graph, config), ranges, true), x).at(0);
    double result = 0;
    for (std::int64_t c = 0; c < 6; ++c) {
      const auto cut = [&](const ir::Tensor& t) {
        return ir::Tensor::of<float>({36}, {t.data<float>() + 36 * c, t.data<float>() + 36 * (c + 1)});
      };
      result = std::max(result, testing::nmse(cut(got), cut(exact)));
    }
    return result;
  };
  EXPECT_LT(worst(per_channel_int8()), 1e-3);
  EXPECT_GT(worst({Precision::Int8}), 1e-2);
}

TEST(ChannelFactors, GraphComputesWhatTheOracleSays) {
  Depthwise g;
  const RangeTable ranges = observed(g.b.graph, {g.data()});
  const QuantConfig config = all_int8(g.b.graph, per_channel_int8());
  const FactorGroup group = choose_factors(g.b.graph, config, ranges).at(0);
  const auto channels = input_channels(g.b.graph, g.b.graph.node(g.b.id(g.y))).value();
  const QuantizedWeight w =
      quantize_weight(scale_inputs(g.weight, channels, group.factor), default_weight_scheme(), 0, PairOrder::None);
  QParams sums{DType::Int32, {}, std::vector<std::int32_t>(6, 0), 0};
  for (const float s : w.qparams.scale) sums.scale.push_back(s * group.qparams.scale[0]);
  ir::Tensor divided = g.data();
  for (std::int64_t i = 0; i < divided.count(); ++i)
    divided.mutable_data<float>()[i] *= 1 / group.factor[static_cast<std::size_t>(i / 64)];
  Builder oracle;
  const auto x = oracle.input("x", {1, 6, 8, 8});
  oracle.output(oracle.node(
      "inc.Conv", "y",
      {x, oracle.graph.add_constant("w", dequantize(w.q, w.qparams)), oracle.graph.add_constant("b", through(g.bias, sums))},
      {1, 6, 6, 6}, {{"group", std::int64_t{6}}}));
  EXPECT_TRUE(testing::agree(
      testing::run(inserted(g.b.graph, config, ranges, true), std::vector<ir::Tensor>{g.data()}).at(0),
      testing::run(oracle.graph, std::vector<ir::Tensor>{through(divided, group.qparams)}).at(0), testing::Exact{}));
}

/// The weight the anchor is given times what its data was divided by is the weight it had, up to its rounding.
TEST(ChannelFactors, FactorsCancel) {
  Outliers g;
  const RangeTable ranges = g.observe(g.data(100));
  const ir::Graph q = inserted(g.b.graph, all_int8(g.b.graph, smooth_int8(0.5f)), ranges, true);
  const auto by = q.constant(*q.find_value("x_scaled_by"))->values<float>();
  const auto ints = q.constant(*q.find_value("w_quantized"))->values<std::int8_t>();
  const auto scale = q.constant(*q.find_value("w_scale"))->values<float>();
  const auto w = g.b.graph.constant(g.weight)->values<float>();
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t k = i / Outliers::kN, n = i % Outliers::kN;
    EXPECT_NEAR(static_cast<float>(ints[i]) * scale[n] * by[k], w[i], 0.5001f * scale[n] * by[k]) << i;
  }
}

TEST(ChannelFactors, FoldIntoAnInt8ProducerByItsScalesAlone) {
  for (const char* activation : {"none", "relu", "leaky_relu"}) {
    SCOPED_TRACE(activation);
    Chain g(activation);
    QuantConfig config = all_int8(g.b.graph, smooth_int8(0.5f));
    config.bias_shift[g.b.id(g.middle)] = {0.1f, -0.2f, 0.3f, 0};
    const ir::Graph folded = inserted(g.b.graph, config, g.observe(), true),
                    kept = inserted(g.b.graph, config, g.observe(), false);
    EXPECT_TRUE(kept.find_value("middle_scaled").has_value());
    EXPECT_FALSE(folded.find_value("middle_scaled").has_value());
    for (const char* name : {"w0_quantized", "b0_quantized", "w1_quantized", "b1_quantized"})
      EXPECT_TRUE(ir::identical(*folded.constant(*folded.find_value(name)), *kept.constant(*kept.find_value(name)))) << name;
    const std::vector<ir::Tensor> x{g.data(3)};
    const auto a = testing::run_all(folded, x), b = testing::run_all(kept, x);
    EXPECT_TRUE(
        testing::agree(a.at(*folded.find_value("middle")), b.at(*kept.find_value("middle_scaled")), testing::Gemm{4, 2}));
    EXPECT_LT(testing::nmse(a.at(g.y), b.at(g.y)), 1e-4);
  }
}

TEST(ChannelFactors, FoldIntoAFloatProducer) {
  Chain g("relu");
  QuantConfig config = all_int8(g.b.graph, smooth_int8(0.5f));
  config.ops.erase(g.b.id(g.middle));
  const ir::Graph folded = inserted(g.b.graph, config, g.observe(), true),
                  kept = inserted(g.b.graph, config, g.observe(), false);
  EXPECT_EQ(count(folded, "Mul"), 0u);
  const std::vector<ir::Tensor> x{g.data(3)};
  EXPECT_TRUE(testing::agree(testing::run_all(folded, x).at(*folded.find_value("middle")),
                             testing::run_all(kept, x).at(*kept.find_value("middle_scaled")), testing::Gemm{4, 2}));
}

TEST(ChannelFactors, StayWhereTheProducerCannotTakeThem) {
  Chain clipped("clip");
  EXPECT_EQ(count(inserted(clipped.b.graph, all_int8(clipped.b.graph, smooth_int8(0.5f)), clipped.observe(), true), "Mul"),
            2u);
  Chain shared("relu");
  shared.b.output(shared.b.node("Sigmoid", "other", {shared.middle}, {1, 4, 6, 6}));
  EXPECT_EQ(count(inserted(shared.b.graph, all_int8(shared.b.graph, smooth_int8(0.5f)), shared.observe(), true), "Mul"), 2u);
  Chain seen("relu");
  seen.b.output(seen.middle);
  EXPECT_EQ(count(inserted(seen.b.graph, all_int8(seen.b.graph, smooth_int8(0.5f)), seen.observe(), true), "Mul"), 2u);
  Chain per_tensor("relu");
  QuantConfig config = all_int8(per_tensor.b.graph, smooth_int8(0.5f));
  config.ops[per_tensor.b.id(per_tensor.middle)].weight.granularity = Granularity::PerTensor;
  EXPECT_EQ(count(inserted(per_tensor.b.graph, config, per_tensor.observe(), true), "Mul"), 2u);
}

/// LayerNormalization → three projections that share one set of factors.
TEST(ChannelFactors, OfQKAndVFoldIntoTheNormalizationBefore) {
  for (const char* op : {"LayerNormalization", "RMSNormalization"}) {
    Builder b;
    const auto x = b.input("x", {4, 8});
    std::vector<ir::ValueId> inputs{x, b.graph.add_constant("scale", spread_data({8}, 0))};
    if (op[0] == 'L') inputs.push_back(b.weight("shift", {8}, 7));
    const auto n = b.node(op, "n", inputs, {4, 8}, {{"axis", std::int64_t{-1}}});
    for (const char* name : {"q", "k", "v"})
      b.output(b.node("MatMul", name, {n, b.weight(std::string(name) + "w", {8, 8}, static_cast<std::uint64_t>(name[0]))},
                      {4, 8}));
    const RangeTable ranges = observed(b.graph, {random_tensor({4, 8}, 1)});
    const QuantConfig config = all_int8(b.graph, smooth_int8(0.5f));
    const ir::Graph folded = inserted(b.graph, config, ranges, true), kept = inserted(b.graph, config, ranges, false);
    EXPECT_EQ(count(folded, "Mul"), 0u);
    EXPECT_EQ(count(kept, "Mul"), 1u);
    EXPECT_EQ(count(folded, "QuantizeLinear"), 1u);
    const std::vector<ir::Tensor> data{random_tensor({4, 8}, 1)};
    EXPECT_TRUE(testing::agree(testing::run_all(folded, data).at(n),
                               testing::run_all(kept, data).at(*kept.find_value("n_scaled")), testing::Gemm{2, 2}));
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_LT(testing::nmse(testing::run(folded, data).at(i), testing::run(b.graph, data).at(i)), 1e-3);
  }
}

TEST(ChannelFactors, EqualizationChangesTheFloatMeaningByRoundingOnly) {
  Chain g("relu");
  const ir::Graph q = inserted(g.b.graph, all_int8(g.b.graph, equalized_int8()), g.observe(), true);
  EXPECT_EQ(count(q, "Mul"), 0u);
  const std::vector<ir::Tensor> x{g.data()};
  EXPECT_LT(testing::nmse(testing::run(q, x).at(0), testing::run(g.b.graph, x).at(0)), 1e-3);
}

TEST(ChannelFactors, OtherReadersOfTheValueSeeItAsItWas) {
  Depthwise g;
  const auto other = g.b.node("inc.Conv", "other", {g.x, g.b.weight("w1", {4, 6, 1, 1}, 4)}, {1, 4, 8, 8});
  g.b.output(other);
  QuantConfig config = all_int8(g.b.graph);
  config.ops[g.b.id(g.y)] = per_channel_int8();
  const ir::Graph q = inserted(g.b.graph, config, observed(g.b.graph, {g.data()}), true);
  EXPECT_EQ(q.value(q.node(g.b.id(other)).inputs[0]).name, "x_dequantized");
  EXPECT_EQ(q.value(q.node(g.b.id(g.y)).inputs[0]).name, "x_scaled_dequantized");
}

TEST(ChannelFactors, DeadChannelsEverywhereNeedNone) {
  Depthwise g;
  RangeTable ranges;
  ranges.tensor[{g.x, RangeMethod::MinMax}] = {0, 0};
  ranges.channels[g.x] = {1, std::vector<Range>(6), std::vector<double>(6, 0.0)};
  EXPECT_EQ(count(inserted(g.b.graph, all_int8(g.b.graph, per_channel_int8()), ranges, true), "Mul"), 0u);
}

TEST(Dynamic, ReadersShareOneRunTimeQuantization) {
  Builder b;
  const auto x = b.input("x", {4, 8});
  const auto y = b.node("Gemm", "y", {x, b.weight("w0", {8, 3}, 1), b.weight("b0", {3}, 2)}, {4, 3});
  const auto z = b.node("MatMul", "z", {x, b.weight("w1", {8, 3}, 3)}, {4, 3});
  b.output(y);
  b.output(z);
  OpConfig config{Precision::Int8};
  config.dynamic = true;
  QuantConfig all = all_int8(b.graph, config);
  const ir::Graph q = inserted(b.graph, all, {}, true);
  EXPECT_EQ(nodes_of(q),
            "x_dynamic_quantized = DynamicQuantizeLinear(x)\n"
            "x_dynamic_dequantized = DequantizeLinear(x_dynamic_quantized, x_dynamic_scale, x_dynamic_zero_point)\n"
            "w0_dequantized = DequantizeLinear(w0_quantized, w0_scale, w0_zero_point)\n"
            "y = Gemm(x_dynamic_dequantized, w0_dequantized, b0)\n"
            "w1_dequantized = DequantizeLinear(w1_quantized, w1_scale, w1_zero_point)\n"
            "z = MatMul(x_dynamic_dequantized, w1_dequantized)\n");
  const std::vector<ir::Tensor> data{random_tensor({4, 8}, 4, 3)};
  EXPECT_LT(testing::nmse(testing::run(q, data).at(0), testing::run(b.graph, data).at(0)), 1e-3);
  all.bias_shift[b.id(y)] = {1, 2, 3};
  const ir::Graph shifted = inserted(b.graph, all, {}, true);
  const auto before = b.graph.constant(b.graph.node(b.id(y)).inputs[2])->values<float>(),
             after = shifted.constant(shifted.node(b.id(y)).inputs[2])->values<float>();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(after[i], before[i] + static_cast<float>(i + 1));
}

}  // namespace
}  // namespace inc::quant
