#include "core/quant/accepts.h"

#include <gtest/gtest.h>

#include "tests/unit/quant/factor_graphs.h"

namespace inc::quant {
namespace {

/// x → depthwise → plain convolution → y, and x → MatMul over another axis
struct Forms {
  Builder b;
  ir::ValueId x, depthwise, plain, matmul;

  explicit Forms(bool two_axes = false) {
    x = b.input("x", {1, 4, 8, 8});
    depthwise = b.node("inc.Conv", "d", {x, b.weight("w0", {4, 1, 1, 1})}, {1, 4, 8, 8}, {{"group", std::int64_t{4}}});
    plain = b.node("inc.Conv", "p", {depthwise, b.weight("w1", {4, 4, 1, 1})}, {1, 4, 8, 8});
    matmul = b.node("MatMul", "m", {two_axes ? x : plain, b.weight("w2", {8, 8})}, {1, 4, 8, 8});
    b.output(plain);
    b.output(matmul);
  }
  std::string refusal(ir::ValueId value, const OpConfig& config) const {
    return accepts(b.graph, b.graph.node(b.id(value)), config).why_not();
  }
};

TEST(Accepts, ChannelGranularityIsForDepthwiseConvolutions) {
  const Forms f, mixed(true);
  EXPECT_EQ(f.refusal(f.depthwise, per_channel_int8()), "");
  EXPECT_EQ(f.refusal(f.plain, per_channel_int8()), "activations per channel are for depthwise convolutions");
  EXPECT_EQ(f.refusal(f.matmul, per_channel_int8()), "activations per channel are for depthwise convolutions");
  EXPECT_EQ(mixed.refusal(mixed.depthwise, per_channel_int8()), "'m_node' reads its input along another channel axis");
}

TEST(Accepts, SmoothingNeedsWeightsThatMeetManyChannels) {
  const Forms f;
  EXPECT_EQ(f.refusal(f.plain, smooth_int8()), "");
  EXPECT_EQ(f.refusal(f.matmul, smooth_int8(0.5f)), "");
  EXPECT_NE(f.refusal(f.depthwise, smooth_int8()), "");
  EXPECT_EQ(f.refusal(f.plain, smooth_int8(1.5f)), "SmoothQuant: alpha is 1.5, 0 to 1 expected");
  OpConfig both = per_channel_int8();
  both.smoothing = Smoothing::SmoothQuant;
  EXPECT_EQ(f.refusal(f.depthwise, both), "activations per channel leave nothing to smooth");
}

TEST(Accepts, EqualizationNeedsAProducerThatTakesFactors) {
  const Chain relu("relu"), clip("clip");
  const auto refusal = [](const Chain& c, ir::ValueId v) {
    return accepts(c.b.graph, c.b.graph.node(c.b.id(v)), equalized_int8()).why_not();
  };
  EXPECT_EQ(refusal(relu, relu.y), "");
  EXPECT_EQ(refusal(relu, relu.middle), "equalization: its input is not made by a convolution or matrix multiplication");
  EXPECT_EQ(refusal(clip, clip.y), "equalization: 'middle_node' ends in clip");
}

TEST(Accepts, RunTimeRangesAreWhatDynamicQuantizeLinearDoes) {
  const Forms f;
  OpConfig config{Precision::Int8};
  config.dynamic = true;
  EXPECT_EQ(f.refusal(f.matmul, config), "");
  OpConfig symmetric = config, smooth = config;
  symmetric.activation.symmetry = Symmetry::Symmetric;
  smooth.smoothing = Smoothing::SmoothQuant;
  EXPECT_EQ(f.refusal(f.matmul, symmetric), "ranges at run time give uint8 asym, uint8 sym wanted");
  EXPECT_EQ(f.refusal(f.matmul, smooth), "smoothing needs the ranges of calibration");
}

TEST(Accepts, OnlySymmetricInt8Weights) {
  const Forms f;
  OpConfig config{Precision::Int8};
  config.weight.dtype = DType::UInt8;
  EXPECT_EQ(f.refusal(f.plain, config), "weights as uint8 sym, int8 sym expected");
}

TEST(Accepts, OtherPrecisionsAreNotItsBusiness) {
  const Forms f;
  EXPECT_TRUE(accepts(f.b.graph, f.b.graph.node(f.b.id(f.plain)), {Precision::Bf16}));
  EXPECT_TRUE(accepts(f.b.graph, f.b.graph.node(f.b.id(f.plain)), {Precision::Fp32}));
}

TEST(DefaultOpConfig, ReadsDepthwiseInputsPerChannelWhereTheyCanBeObserved) {
  const Forms f, mixed(true);
  const auto granularity = [](const Forms& g, ir::ValueId v) {
    return default_op_config(g.b.graph, g.b.graph.node(g.b.id(v))).activation.granularity;
  };
  EXPECT_EQ(granularity(f, f.depthwise), Granularity::PerChannel);
  EXPECT_EQ(granularity(f, f.plain), Granularity::PerTensor);
  EXPECT_EQ(granularity(f, f.matmul), Granularity::PerTensor);
  EXPECT_EQ(granularity(mixed, mixed.depthwise), Granularity::PerTensor);
}

}  // namespace
}  // namespace inc::quant
