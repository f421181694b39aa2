#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

std::string model(int opset, const std::string& graph) {
  return "<ir_version: 4, opset_import: [\"\" : " + std::to_string(opset) + "]> " + graph;
}

TEST(Convert, OldModelsArriveAtTheMinimumOpset) {
  const auto graph =
      import_text(model(8, "g (float[1,3] x) => (float[1,3] y) <float[3,3] w> { t = MatMul(x, w) y = Relu(t) }"));
  EXPECT_EQ(graph.opset, kMinimumOpset);
  EXPECT_NE(graph.constant(*graph.find_value("w")), nullptr);
}

TEST(Convert, AttributesBecomeInputs) {
  const auto graph = import_text(model(9, R"(g (float[2,4,1] x) => (y) {
    s = Slice<starts = [1], ends = [3], axes = [1]>(x) q = Squeeze<axes = [2]>(s) y = Clip<min = 0.0, max = 1.0>(q) })"));
  Rng rng(1);
  const auto inputs = testing::random_inputs(graph, rng);
  const auto y = testing::run(graph, inputs).front();
  ASSERT_EQ(y.shape(), (ir::Shape{2, 2}));
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 2; ++c)
      EXPECT_EQ(y.data<float>()[n * 2 + c], std::clamp(inputs[0].data<float>()[n * 4 + c + 1], 0.0f, 1.0f));
}

TEST(Convert, SoftmaxKeepsItsFlattenedMeaning) {
  const auto graph = import_text(model(11, "g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax<axis = 1>(x) }"));
  Rng rng(2);
  const auto y = testing::run(graph, testing::random_inputs(graph, rng)).front();
  for (int n = 0; n < 2; ++n) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += y.data<float>()[n * 12 + i];
    EXPECT_NEAR(sum, 1.0, 1e-6);
  }
}

std::vector<float> enlarged(int opset, const std::string& node) {
  const auto graph = import_text(model(opset, "g (float[1,1,1,4] x) => (y) <float[4] s = {1, 1, 1, 0.5}> { " + node + " }"));
  const auto y = testing::run(graph, {{ir::Tensor::of<float>({1, 1, 1, 4}, {0, 2, 4, 8})}}).front();
  return {y.data<float>(), y.data<float>() + y.count()};
}

TEST(Convert, OldResizePlacesPixelsByTheirIndex) {
  using ::testing::ElementsAre;
  EXPECT_THAT(enlarged(7, R"(y = Upsample<scales = [1.0, 1.0, 1.0, 2.0], mode = "linear">(x))"),
              ElementsAre(0, 1, 2, 3, 4, 6, 8, 8));
  EXPECT_THAT(enlarged(7, R"(y = Upsample<scales = [1.0, 1.0, 1.0, 1.5], mode = "nearest">(x))"),
              ElementsAre(0, 0, 2, 4, 4, 8));
  EXPECT_THAT(enlarged(10, R"(y = Resize<mode = "linear">(x, s))"), ElementsAre(0, 4));
}

TEST(Convert, ScalesPerChannelMayStandInModelsThatSayTheyAreOlder) {
  const auto graph = import_text(model(11, R"(g (float[1,2] x) => (y)
    <int8[2,3] q = {1, 2, 3, 1, 2, 3}, float[3] s = {1, 0.5, 2}, int8[3] z = {0, 0, 0}> {
      w = DequantizeLinear<axis = 1>(q, s, z) y = MatMul(x, w) })"));
  const auto y = testing::run(graph, {{ir::Tensor::of<float>({1, 2}, {1, 2})}}).front();
  EXPECT_THAT(std::vector<float>(y.data<float>(), y.data<float>() + 3), ::testing::ElementsAre(3, 3, 18));
}

TEST(Convert, LargeInitializersKeepTheirBytes) {
  const std::string body = "g (float[1,64] x) => (float[1,64] y) <float[64,64] w> { y = MatMul(x, w) }";
  const auto old_graph = import_text(model(8, body)), new_graph = import_text(model(13, body));
  EXPECT_TRUE(
      ir::identical(*old_graph.constant(*old_graph.find_value("w")), *new_graph.constant(*new_graph.find_value("w"))));
}

TEST(Convert, NewerOpsetsAreKept) {
  EXPECT_EQ(import_text(model(15, "g (float[2] x) => (float[2] y) { y = Relu(x) }")).opset, 15);
}

TEST(Convert, WhatTheConverterRefusesIsUnsupported) {
  EXPECT_THAT(
      failure<UnsupportedError>([] {
        import_text(model(
            8,
            R"(g (float[1,1,2,2] x, float[4] s) => (y) { y = Upsample<scales = [1.0, 1.0, 2.0, 2.0]>(x) z = Scan<num_scan_inputs = 1, body = b (float a) => (float c) { c = Relu(a) }>(, s, s) })"));
      }),
      ::testing::HasSubstr("Scan"));
}

}  // namespace
}  // namespace inc::onnx_io
