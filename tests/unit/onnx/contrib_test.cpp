#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kLevels = "<float s = {0.5}, uint8 z = {128}, float t = {0.25}, uint8 k = {3}";

ir::Graph import(const std::string& inputs, const std::string& output, const std::string& constants,
                 const std::string& node) {
  return import_text("g (" + inputs + ") => (" + output + " y) " + kLevels + constants + "> { " + node + " }");
}

std::vector<std::string> operators(const ir::Graph& graph) {
  std::vector<std::string> ops;
  for (const ir::NodeId id : graph.topological_order()) ops.push_back(graph.node(id).op);
  return ops;
}

TEST(Contrib, OperatorsOverTwoTensorsStandBetweenQuantizeAndDequantize) {
  const auto graph =
      import("uint8[N,3] a, uint8[1,3] b", "uint8[N,3]", "", "y = com.microsoft.QLinearAdd(a, s, z, b, t, k, t, z)");
  EXPECT_THAT(operators(graph), ElementsAre("DequantizeLinear", "DequantizeLinear", "Add", "QuantizeLinear"));
  const ir::Node& add = *graph.producer(graph.producer(graph.outputs()[0])->inputs[0]);
  EXPECT_EQ(graph.value(add.outputs[0]).type.to_string(), "float[N,3]");
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "y");
}

TEST(Contrib, ShapesBehindThemAreInferred) {
  const auto graph = import("uint8[N,2,8,8] x", "float", "",
                            "p = com.microsoft.QLinearAveragePool<kernel_shape = [2,2], strides = [2,2]>(x, s, z, t, k) "
                            "f = Flatten(p) y = DequantizeLinear(f, t, k)");
  EXPECT_EQ(graph.value(graph.outputs()[0]).type.to_string(), "float[N,32]");
}

TEST(Contrib, ScalesPerChannelLieAlongTheChannelsOfAGemm) {
  const std::string weights = ", int8[5,3] b = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6}, float[5] bs, int8[5] bz, int32[5] c";
  const auto graph =
      import("uint8[N,3] a", "float[N,5]", weights, "y = com.microsoft.QGemm<transB = 1>(a, s, z, b, bs, bz, c)");
  const ir::Node& gemm = *graph.producer(graph.outputs()[0]);
  ASSERT_EQ(gemm.op, "Gemm");
  EXPECT_EQ(graph.producer(gemm.inputs[1])->attrs.integer("axis", -7), 0);
  EXPECT_EQ(graph.producer(gemm.inputs[2])->attrs.integer("axis", -7), -1);
}

TEST(Contrib, LevelsOf16BitsBringTheirOpset) {
  const auto graph = import_text(R"(<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[N,3] x) => (float[N,3] y) <float s = {0.5}, uint16 z = {300}> {
      q = com.microsoft.QuantizeLinear(x, s, z)
      d = com.microsoft.DequantizeLinear(q, s, z)
      y = Softmax<axis = 1>(d)
    })");
  EXPECT_EQ(graph.opset, 21);
  EXPECT_THAT(operators(graph), ElementsAre("QuantizeLinear", "DequantizeLinear", "Softmax"));
  EXPECT_EQ(graph.value(graph.producer(graph.outputs()[0])->inputs[0]).type.to_string(), "float[N,3]");
}

TEST(Contrib, OldModelsAreConvertedFirst) {
  const auto graph = import_text(R"(<ir_version: 7, opset_import: ["" : 11, "com.microsoft" : 1]>
    g (uint8[N,3] a) => (float[N,3] y) <float s = {0.5}, uint8 z = {128}> {
      q = com.microsoft.QLinearSigmoid(a, s, z, s, z)
      d = DequantizeLinear(q, s, z)
      y = Softmax<axis = 1>(d)
    })");
  EXPECT_EQ(graph.opset, kMinimumOpset);
  EXPECT_EQ(graph.value(graph.outputs()[0]).type.to_string(), "float[N,3]");
}

TEST(Contrib, TwoOfAKindDoNotShareNames) {
  const auto graph =
      import("uint8[N,3] a", "uint8[N,3]", "",
             "p = com.microsoft.QLinearSigmoid(a, s, z, s, z) y = com.microsoft.QLinearSigmoid(p, s, z, s, z)");
  EXPECT_EQ(operators(graph).size(), 6u);
}

TEST(Contrib, FormsWithoutAnEquivalentAreRefusedByName) {
  const auto refusal = [](const std::string& node) {
    return failure<UnsupportedError>([&] { import("uint8[1,3,4,4] a", "uint8", "", node); });
  };
  EXPECT_THAT(refusal("y = com.microsoft.QLinearGlobalAveragePool<channels_last = 1>(a, s, z, s, z)"),
              HasSubstr("(com.microsoft.QLinearGlobalAveragePool): channels_last 1 found, 0 expected"));
  EXPECT_THAT(refusal("y = com.microsoft.QLinearSoftmax<axis = 1, opset = 11>(a, s, z, s, z)"), HasSubstr("axis 1"));
  EXPECT_THAT(refusal("y = com.microsoft.QLinearAdd(a, s, z)"), HasSubstr("3 inputs and 1 outputs found, at least 8"));
  EXPECT_THAT(refusal("y = com.microsoft.QLinearConcat<axis = 1>(s, , a, s, z)"), HasSubstr("no output zero point found"));
  EXPECT_THAT(refusal("y = com.microsoft.QLinearUnheardOf(a, s, z, s, z)"), HasSubstr("the operator is not supported"));
}

}  // namespace
}  // namespace inc::onnx_io
