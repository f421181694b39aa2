// What networks on images do in 8 bits around their dense convolutions: depthwise convolutions, pools and the first
// quantization run on integers on every CPU, in kernels of ours, within one quantization step of the literal reading.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "kernels/isa.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;
using Ints = std::vector<std::int64_t>;

/// The kernel of the one step of this type, after comparing the result with the literal reading.
std::string checked_kernel(GroupBuilder& builder, const std::string& op_type) {
  const auto inputs = builder.inputs();
  const auto engine = onednn::make_adaptor()->prepare(builder.graph);
  const auto expected = reference::make_adaptor()->prepare(builder.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(engine->run(inputs)[0], expected[0], testing::QStep{1, 1}));
  std::string kernel;
  for (const auto& step : engine->profile(inputs, 1)) {
    if (step.op_type != op_type) continue;
    EXPECT_EQ(step.precision, "int8");
    EXPECT_FALSE(step.emulated) << step.note;
    EXPECT_EQ(kernel, "") << "a second step";
    kernel = step.kernel;
  }
  return kernel;
}

/// Full-range weights between 8-bit tensors of one type, with zero points.
GroupSpec bytes_to_bytes(DType type, const std::string& activation, bool factors) {
  GroupSpec s;
  s.weight_limit = 127;
  s.activation = activation;
  s.beta = 6.0f;
  s.factors = factors;
  s.input_type = s.output_type = type;
  s.input_zero = type == DType::Int8 ? -9 : 117;
  s.output_zero = type == DType::Int8 ? 3 : 128;
  return s;
}

TEST(Vision8, RunsDepthwiseConvolutionsOnIntegersWhateverTheWeights) {
  onednn::apply_isa_cap();
  if (kernels::isa() == kernels::Isa::Baseline) GTEST_SKIP() << "the library's kernels are faster without AVX2";
  for (const DType type : {DType::UInt8, DType::Int8})
    for (const std::int64_t channels : {5, 24, 32, 72})
      for (const std::int64_t kernel : {3, 5})
        for (const std::string activation : {"none", "relu", "clip", "silu"})
          for (const bool factors : {false, true}) {
            GroupSpec s = bytes_to_bytes(type, activation, factors);
            s.x = {2, channels, 9, 8};
            s.w = {channels, 1, kernel, kernel};
            const std::int64_t pad = kernel / 2;
            s.attrs = {{"group", channels}, {"pads", Ints{pad, pad, pad, pad}}, {"strides", Ints{kernel - 2, kernel - 2}}};
            if (kernel == 5) s.attrs.set("strides", Ints{1, 1});
            GroupBuilder builder(11);
            builder.group(s);
            EXPECT_TRUE(checked_kernel(builder, "Conv").starts_with("inc:depthwise8")) << channels << " channels";
          }
}

TEST(Vision8, RunsDenseConvolutionsInAKernelOfOursWithVnni) {
  onednn::apply_isa_cap();
  constexpr auto kNone = GroupSpec::Residual::None;
  if (!kernels::has_vnni() || onednn::isa_name().find("amx") != std::string::npos) GTEST_SKIP() << "no AVX512-VNNI";
  for (const DType type : {DType::UInt8, DType::Int8})
    for (const std::int64_t out : {16, 24, 96, 144})
      for (const std::string activation : {"none", "relu", "clip"})
        for (const auto& [factors, residual] : {std::pair{false, kNone},
                                                {true, kNone},
                                                {false, GroupSpec::Residual::Quantized},
                                                {false, GroupSpec::Residual::Real}}) {
          GroupSpec s = bytes_to_bytes(type, activation, factors);
          s.x = {2, 24, 9, 8};
          s.w = {out, 24, 1, 1};
          s.residual = residual;
          GroupBuilder builder(11);
          builder.group(s);
          EXPECT_EQ(checked_kernel(builder, "Conv"), "inc:dense8") << out << " channels";
        }
}

TEST(Vision8, FiltersThreeByThreeMinimally) {
  onednn::apply_isa_cap();
  constexpr auto kNone = GroupSpec::Residual::None;
  if (kernels::isa() == kernels::Isa::Baseline) GTEST_SKIP() << "not without AVX2";
  if (onednn::isa_name().find("amx") != std::string::npos) GTEST_SKIP() << "AMX is faster";
  for (const DType type : {DType::UInt8, DType::Int8})
    for (const std::string activation : {"none", "relu", "clip", "silu"})
      for (const auto& [factors, residual] : {std::pair{false, kNone},
                                              {true, kNone},
                                              {false, GroupSpec::Residual::Quantized},
                                              {false, GroupSpec::Residual::Real}}) {
        if (activation == "silu" && residual != kNone) continue;
        GroupSpec s = bytes_to_bytes(type, activation, factors);
        s.x = {1, 48, 30, 31};
        s.w = {64, 48, 3, 3};
        s.attrs = {{"pads", Ints{1, 1, 1, 1}}};
        s.residual = residual;
        GroupBuilder builder(11);
        builder.group(s);
        EXPECT_EQ(checked_kernel(builder, "Conv"), "inc:winograd8") << activation;
      }
}

TEST(Vision8, SharesWeightsOnlyBetweenConvolutionsThatReadThemAlike) {
  GroupSpec s;
  s.x = {2, 24, 9, 8};
  s.w = {64, 24, 1, 1};
  s.weight_limit = 127;
  const auto adaptor = onednn::make_adaptor();
  std::vector<std::unique_ptr<const runtime::Executable>> kept;
  for (const bool to_8_bits : {true, false}) {
    s.output_8_bits = to_8_bits;
    GroupBuilder b(11);
    b.group(s);
    const auto inputs = b.inputs();
    kept.push_back(adaptor->prepare(b.graph));
    const auto expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
    const testing::Tolerance tolerance = to_8_bits ? testing::Tolerance(testing::QStep{1, 1}) : testing::Nmse{1e-10};
    EXPECT_TRUE(testing::agree(kept.back()->run(inputs)[0], expected[0], tolerance)) << to_8_bits;
  }
}

void pool(GroupBuilder& b, const std::string& op, const ir::Shape& x, const ir::Attrs& attrs, float out_scale) {
  const ir::ValueId in = b.through_8_bits(b.input(x), DType::UInt8, 100, 0.02f);
  b.graph.add_output(b.quantize(b.node(op, {in}, attrs), DType::UInt8, out_scale == 0.02f ? 100 : 90, out_scale));
}

TEST(Vision8, PoolsIntegers) {
  const Ints two{2, 2}, three{3, 3}, ones{1, 1, 1, 1};
  for (const std::int64_t channels : {1, 24, 70}) {
    const ir::Shape x{2, channels, 9, 10};
    GroupBuilder most(1);
    pool(most, "MaxPool", x, {{"kernel_shape", three}, {"strides", two}, {"pads", ones}}, 0.02f);
    EXPECT_EQ(checked_kernel(most, "MaxPool"), "inc:max_pool8");
    GroupBuilder ceiling(2);
    pool(ceiling, "MaxPool", x, {{"kernel_shape", two}, {"strides", two}, {"ceil_mode", std::int64_t{1}}}, 0.02f);
    EXPECT_EQ(checked_kernel(ceiling, "MaxPool"), "inc:max_pool8");
    for (const std::int64_t whole : {0, 1}) {
      GroupBuilder average(3);
      pool(average, "AveragePool", x,
           {{"kernel_shape", three}, {"strides", two}, {"pads", ones}, {"count_include_pad", whole}}, 0.013f);
      EXPECT_EQ(checked_kernel(average, "AveragePool"), "inc:average_pool8");
    }
    GroupBuilder global(4);
    pool(global, "GlobalAveragePool", x, {}, 0.004f);
    EXPECT_EQ(checked_kernel(global, "GlobalAveragePool"), "inc:mean8");
  }
}

TEST(Vision8, AveragesWhatAConvolutionLeftChannelsLast) {
  GroupBuilder b(5);
  GroupSpec s;
  const ir::ValueId x = b.through_8_bits(b.input({2, 8, 7, 7}), DType::UInt8, 100, 0.02f);
  const ir::ValueId y = b.node("DequantizeLinear", {b.quantize(b.node("Conv", {x, b.weight(s)}), DType::UInt8, 128, 0.05f),
                                                    b.real(0.05f), b.zero(DType::UInt8, 128)});
  b.graph.add_output(b.quantize(b.node("GlobalAveragePool", {y}), DType::UInt8, 128, 0.01f));
  const auto inputs = b.inputs();
  const auto engine = onednn::make_adaptor()->prepare(b.graph);
  const auto expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(engine->run(inputs)[0], expected[0], testing::QStep{1, 1}));
  bool behind = false;
  for (const auto& step : engine->profile(inputs, 1)) {
    if (behind) {
      EXPECT_NE(step.op_type, "Reorder") << "in front of the average";
    }
    behind = behind || step.op_type == "Conv";
  }
  EXPECT_TRUE(behind);
}

TEST(Vision8, QuantizesAnImageAndMovesItsChannelsAtOnce) {
  for (const std::int64_t channels : {2, 3, 4}) {
    GroupBuilder b(6);
    GroupSpec s;
    s.x = {2, channels, 19, 13};
    s.w = {16, channels, 3, 3};
    s.activation = "tanh";
    b.group(s);
    const auto inputs = b.inputs();
    const auto engine = onednn::make_adaptor()->prepare(b.graph);
    const auto expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
    EXPECT_TRUE(testing::agree(engine->run(inputs)[0], expected[0], testing::QStep{1, 1}));
    bool found = false;
    for (const auto& step : engine->profile(inputs, 1)) found = found || step.kernel == "inc:quantize_pixels";
    EXPECT_TRUE(found) << channels << " channels";
  }
}

GroupSpec stem(std::int64_t channels, DType type) {
  GroupSpec s;
  s.x = {2, channels, 15, 18};
  s.w = {20, channels, 3, 5};
  s.attrs = {{"pads", Ints{1, 2, 1, 2}}, {"strides", Ints{2, 1}}};
  s.weight_limit = 127;
  s.activation = "relu";
  s.input_type = s.output_type = type;
  s.input_zero = type == DType::Int8 ? -9 : 117;
  return s;
}

TEST(Vision8, AnImageIsQuantizedWhereTheFirstConvolutionReadsIt) {
  onednn::apply_isa_cap();
  if (kernels::isa() == kernels::Isa::Baseline) GTEST_SKIP() << "the library's kernels are faster without AVX2";
  for (const DType type : {DType::UInt8, DType::Int8})
    for (const std::int64_t channels : {1, 3})
      for (const bool factors : {false, true}) {
        GroupSpec s = stem(channels, type);
        s.activation = channels == 1 ? "relu" : "gelu";
        s.factors = factors;
        GroupBuilder b(7);
        b.group(s);
        EXPECT_TRUE(checked_kernel(b, "Conv").starts_with("inc:stem:"));
        const auto engine = onednn::make_adaptor()->prepare(b.graph);
        for (const auto& step : engine->profile(b.inputs(), 1)) EXPECT_NE(step.op_type, "QuantizeLinear");
      }
}

TEST(Vision8, AFirstConvolutionReadsIntegersThatOthersSee) {
  onednn::apply_isa_cap();
  if (kernels::isa() == kernels::Isa::Baseline) GTEST_SKIP() << "the library's kernels are faster without AVX2";
  GroupBuilder b(8);
  b.group(stem(1, DType::UInt8));
  const ir::ValueId x = b.graph.inputs()[0];
  b.graph.add_output(b.graph.node(b.graph.value(x).consumers[0]).outputs[0]);
  EXPECT_TRUE(checked_kernel(b, "Conv").starts_with("inc:stem8:"));
}

TEST(Vision8, AFirstConvolutionInOneDimension) {
  onednn::apply_isa_cap();
  if (kernels::isa() == kernels::Isa::Baseline) GTEST_SKIP() << "the library's kernels are faster without AVX2";
  GroupBuilder b(9);
  GroupSpec s = stem(1, DType::UInt8);
  s.x = {1, 1, 700};
  s.w = {24, 1, 10};
  s.attrs = {{"strides", Ints{5}}, {"auto_pad", std::string("SAME_LOWER")}};
  b.group(s);
  EXPECT_TRUE(checked_kernel(b, "Conv").starts_with("inc:stem:"));
}

}  // namespace
}  // namespace inc
