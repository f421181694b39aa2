// A group of DequantizeLinear → anchor → QuantizeLinear
//   differs from the literal reading by at most one quantization step where it ends in 8 bits, and by float rounding
//   where it does not; on every ISA, whether its weights could saturate or not;
//   runs on integers where that is exact, and says emulated, with the reason, where it is not.
#include <gtest/gtest.h>

#include <cmath>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;
using Residual = GroupSpec::Residual;

GroupSpec conv(const std::string& name, ir::Shape x, ir::Shape w, ir::Attrs attrs = {}) {
  GroupSpec s;
  s.name = name;
  s.x = std::move(x);
  s.w = std::move(w);
  s.attrs = std::move(attrs);
  return s;
}

GroupSpec matmul(const std::string& name, const std::string& op, ir::Shape x, ir::Shape w, int axis, ir::Attrs attrs = {}) {
  GroupSpec s = conv(name, std::move(x), std::move(w), std::move(attrs));
  s.op = op;
  s.channel_axis = axis;
  return s;
}

using Ints = std::vector<std::int64_t>;

std::vector<GroupSpec> shapes() {
  const Ints ones{1, 1, 1, 1};
  return {
      conv("Conv3x3", {2, 8, 6, 6}, {12, 8, 3, 3}, {{"pads", ones}}),
      conv("Conv3x3Unpadded", {1, 16, 9, 7}, {16, 16, 3, 3}),
      conv("Conv1x1", {2, 24, 5, 5}, {17, 24, 1, 1}),
      conv("ConvStrided", {1, 8, 9, 9}, {8, 8, 3, 3}, {{"strides", Ints{2, 2}}, {"pads", Ints{0, 0, 1, 1}}}),
      conv("ConvDilated", {1, 8, 11, 11}, {8, 8, 3, 3}, {{"dilations", Ints{2, 2}}, {"pads", Ints{2, 2, 2, 2}}}),
      conv("ConvThreeChannels", {1, 3, 16, 16}, {16, 3, 3, 3}, {{"pads", ones}}),
      conv("ConvOneChannel", {2, 1, 12, 10}, {8, 1, 5, 4}, {{"strides", Ints{2, 2}}, {"pads", Ints{2, 1, 2, 2}}}),
      conv("ConvGrouped", {1, 16, 6, 6}, {16, 8, 3, 3}, {{"group", std::int64_t{2}}, {"pads", ones}}),
      conv("ConvDepthwise", {2, 32, 7, 7}, {32, 1, 3, 3}, {{"group", std::int64_t{32}}, {"pads", ones}}),
      conv("ConvDepthwiseStrided", {1, 20, 8, 8}, {20, 1, 3, 3},
           {{"group", std::int64_t{20}}, {"pads", Ints{0, 0, 1, 1}}, {"strides", Ints{2, 2}}}),
      conv("Conv1d", {2, 8, 20}, {16, 8, 5}, {{"pads", Ints{2, 2}}}),
      matmul("MatMul", "MatMul", {5, 32}, {32, 24}, 1),
      matmul("MatMulStacked", "MatMul", {2, 3, 7, 40}, {40, 10}, 1),
      matmul("MatMulOneRow", "MatMul", {1, 64}, {64, 33}, 1),
      matmul("Gemm", "Gemm", {6, 48}, {48, 20}, 1),
      matmul("GemmTransposed", "Gemm", {6, 48}, {20, 48}, 0, {{"transB", std::int64_t{1}}}),
  };
}

std::vector<GroupSpec> all_groups() {
  std::vector<GroupSpec> all;
  const auto add = [&](GroupSpec s, const std::string& suffix) {
    s.name += suffix;
    all.push_back(std::move(s));
  };
  for (const GroupSpec& s : shapes()) {
    add(s, "");
    for (const int limit : {63, 127}) {
      GroupSpec v = s;
      v.weight_limit = limit;
      v.activation = "relu";
      v.output_zero = 0;
      add(v, "ReluUpTo" + std::to_string(limit));
      v.input_type = DType::Int8;
      v.input_zero = -9;
      v.output_type = DType::Int8;
      v.output_zero = 3;
      v.per_channel = limit == 63;
      add(v, "SignedUpTo" + std::to_string(limit));
      v = s;
      v.weight_limit = limit;
      v.output_8_bits = false;
      v.bias = false;
      v.input_zero = 0;
      add(v, "RealUpTo" + std::to_string(limit));
      for (const Residual residual : {Residual::Real, Residual::Quantized})
        for (const bool output_8_bits : {true, false}) {
          v = s;
          v.weight_limit = limit;
          v.residual = residual;
          v.activation = "relu";
          v.output_8_bits = output_8_bits;
          v.output_zero = 5;
          add(v, std::string(residual == Residual::Real ? "Residual" : "QuantizedResidual") + (output_8_bits ? "" : "Real") +
                     "UpTo" + std::to_string(limit));
        }
    }
  }
  for (const std::string activation :
       {"clip", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu", "hardswish", "hardsigmoid", "leaky_relu"})
    for (const std::size_t shape : {0u, 8u, 11u}) {
      GroupSpec v = shapes()[shape];
      v.activation = activation;
      v.alpha = activation == "clip" ? 0.0f : activation == "hardsigmoid" ? 0.2f : 0.1f;
      v.beta = activation == "clip" ? 6.0f : 0.5f;
      v.output_scale = activation == "sigmoid" || activation == "hardsigmoid" || activation == "tanh" ? 1.0f / 128 : 0.05f;
      add(v, activation);
    }
  return all;
}

class QuantizedGroup : public ::testing::TestWithParam<GroupSpec> {};

TEST_P(QuantizedGroup, AgreesWithTheLiteralReading) {
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

TEST_P(QuantizedGroup, SaysWhatRan) {
  GroupBuilder builder(7);
  const ir::Graph graph = builder.group(GetParam());
  int anchors = 0;
  for (const auto& step : onednn::make_adaptor()->prepare(graph)->profile(builder.inputs(), 1)) {
    if (step.op_type != GetParam().op || step.precision.empty()) continue;
    ++anchors;
    EXPECT_EQ(step.emulated, !step.note.empty());
    EXPECT_NE(step.emulated, step.precision == "int8") << step.kernel;
    if (onednn::has_vnni()) {
      EXPECT_EQ(step.precision, "int8") << step.kernel << " " << step.note;
    }
    const bool bounded = GetParam().weight_limit <= 63 && GetParam().input_type == DType::UInt8;
    if (bounded) {
      EXPECT_FALSE(step.emulated) << step.note;
    }
  }
  EXPECT_EQ(anchors, 1);
}

INSTANTIATE_TEST_SUITE_P(All, QuantizedGroup, ::testing::ValuesIn(all_groups()),
                         [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace inc
