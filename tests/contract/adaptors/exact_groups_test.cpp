// Groups whose sums the library would saturate, or not form as integers
//   run on integers all the same, on every ISA, and say so;
//   agree with the literal reading as other groups do, with every residual, activation, factor and type of output;
//   have exact sums where FP32 does not hold them, for any number of threads.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/parallel.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;
using Residual = GroupSpec::Residual;
using Ints = std::vector<std::int64_t>;

std::vector<GroupSpec> all_groups() {
  std::vector<GroupSpec> shapes(5);
  shapes[0].name = "Conv3x3";
  shapes[0].x = {2, 20, 9, 8};
  shapes[0].w = {35, 20, 3, 3};
  shapes[0].attrs = {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 1}}};
  shapes[1].name = "ConvColumn";
  shapes[1].x = {1, 8, 30, 1};
  shapes[1].w = {12, 8, 5, 1};
  shapes[1].attrs = {{"pads", Ints{2, 0, 2, 0}}};
  shapes[2].name = "MatMul";
  shapes[2].op = "MatMul";
  shapes[2].x = {2, 3, 7, 40};
  shapes[2].w = {40, 33};
  shapes[2].channel_axis = 1;
  shapes[3].name = "Gemm";
  shapes[3].op = "Gemm";
  shapes[3].x = {5, 48};
  shapes[3].w = {20, 48};
  shapes[3].channel_axis = 0;
  shapes[3].attrs = {{"transB", std::int64_t{1}}, {"alpha", 0.5f}};
  shapes[4].name = "ConvDeep";
  shapes[4].x = {1, 256, 5, 4};
  shapes[4].w = {260, 256, 3, 3};
  shapes[4].attrs = {{"pads", Ints{1, 1, 1, 1}}};
  std::vector<GroupSpec> all;
  for (GroupSpec s : shapes) {
    s.weight_limit = 127;
    const std::string name = s.name;
    const auto add = [&](const std::string& suffix) {
      GroupSpec v = s;
      v.name = name + suffix;
      all.push_back(v);
    };
    add("");
    s.per_channel = false;
    s.bias = false;
    add("PerTensor");
    s.per_channel = s.bias = true;
    if (s.op != "Gemm" && name != "ConvDeep") {
      for (const std::string activation :
           {"relu", "clip", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "hardswish", "hardsigmoid", "leaky_relu"}) {
        s.activation = activation;
        s.alpha = activation == "clip" ? -0.5f : activation == "hardsigmoid" ? 0.2f : 0.1f;
        s.beta = activation == "clip" ? 6.0f : 0.5f;
        for (const Residual residual : {Residual::None, Residual::Real, Residual::Quantized}) {
          s.residual = residual;
          s.factors = residual == Residual::Real;
          s.output_8_bits = activation != "gelu" && activation != "clip";
          s.output_type = activation == "relu" ? DType::UInt8 : DType::Int8;
          s.output_zero = activation == "relu" ? 0 : -20;
          add(activation + std::to_string(static_cast<int>(residual)));
        }
      }
    }
  }
  return all;
}

class ExactGroup : public ::testing::TestWithParam<GroupSpec> {};

TEST_P(ExactGroup, AgreesWithTheLiteralReading) {
  GroupBuilder builder(7);
  const ir::Graph graph = builder.group(GetParam());
  const auto inputs = builder.inputs();
  const auto engine = onednn::make_adaptor()->prepare(graph);
  const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(graph)->run(inputs);
  if (GetParam().output_8_bits)
    EXPECT_TRUE(testing::agree(found[0], expected[0], testing::QStep{1, 1}));
  else
    EXPECT_TRUE(testing::agree(found[0], expected[0], testing::Nmse{1e-11}));
  EXPECT_TRUE(testing::agree(engine->run(inputs)[0], found[0], testing::Exact{})) << "the second run";
}

TEST_P(ExactGroup, RunsOnIntegers) {
  GroupBuilder builder(7);
  const ir::Graph graph = builder.group(GetParam());
  int anchors = 0;
  for (const auto& step : onednn::make_adaptor()->prepare(graph)->profile(builder.inputs(), 1)) {
    if (step.op_type != GetParam().op || step.precision.empty()) continue;
    ++anchors;
    EXPECT_EQ(step.precision, "int8") << step.kernel << " " << step.note;
    EXPECT_FALSE(step.emulated) << step.note;
    if (!onednn::has_vnni()) {
      EXPECT_TRUE(step.kernel.starts_with("inc:integer:")) << step.kernel;
    }
  }
  EXPECT_EQ(anchors, 1);
}

INSTANTIATE_TEST_SUITE_P(All, ExactGroup, ::testing::ValuesIn(all_groups()),
                         [](const auto& item) { return item.param.name; });

TEST(ExactGroups, TakeFewRowsWithoutVnni) {
  GroupSpec s;
  s.op = "MatMul";
  s.x = {3, 64};
  s.w = {64, 40};
  s.channel_axis = 1;
  GroupBuilder builder(7);
  const ir::Graph graph = builder.group(s);
  for (const auto& step : onednn::make_adaptor()->prepare(graph)->profile(builder.inputs(), 1)) {
    if (step.op_type == "MatMul" && onednn::isa_name() == "avx2") {
      EXPECT_EQ(step.kernel, "inc:integer:avx2");
    }
  }
}

TEST(ExactGroups, HoldSumsBeyondFloats) {
  for (const int threads : {1, 2}) {
    set_threads(threads);
    GroupBuilder b(3);
    Rng rng(6);
    const ir::ValueId x = b.quantize(b.input({7, 6000}), DType::UInt8, 3, 0.004f);
    const ir::ValueId w = b.constant(testing::random_tensor(DType::Int8, {6000, 40}, rng, 90, 128));
    b.graph.add_output(b.node("MatMulInteger", {x, w, b.zero(DType::UInt8, 3)}));
    const auto inputs = b.inputs();
    const auto found = onednn::make_adaptor()->prepare(b.graph)->run(inputs),
               expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
    EXPECT_TRUE(testing::agree(found[0], expected[0], testing::Exact{})) << threads;
    set_threads(0);
  }
}

TEST(ExactGroups, TakeWeightsOfNineBits) {
  GroupBuilder b(3);
  Rng rng(6);
  const ir::ValueId x = b.through_8_bits(b.input({1, 16, 9, 9}), DType::UInt8, 117, 0.013f);
  const ir::ValueId q = b.constant(testing::random_tensor(DType::UInt8, {24, 16, 3, 3}, rng, 0, 256));
  const ir::ValueId w = b.node("DequantizeLinear", {q, b.real(0.004f), b.zero(DType::UInt8, 77)});
  b.graph.add_output(b.quantize(b.node("Conv", {x, w}), DType::UInt8, 128, 0.05f));
  const auto inputs = b.inputs();
  const auto engine = onednn::make_adaptor()->prepare(b.graph);
  EXPECT_TRUE(testing::agree(engine->run(inputs)[0], reference::make_adaptor()->prepare(b.graph)->run(inputs)[0],
                             testing::QStep{1, 1}));
  for (const auto& step : engine->profile(inputs, 1)) {
    if (step.op_type != "Conv") continue;
    EXPECT_EQ(step.precision, "int8");
    EXPECT_TRUE(step.kernel.starts_with("inc:integer:")) << step.kernel;
  }
}

}  // namespace
}  // namespace inc
