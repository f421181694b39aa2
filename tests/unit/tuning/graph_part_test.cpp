#include "core/tuning/graph_part.h"

#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"

namespace inc::tuning {
namespace {

ir::Graph import(const std::string& body) {
  return onnx_io::import_text(
      "g (float[2,4] x, float[2,3] z) => (float[2,3] y, float[2,3] r) <float[4,3] w = {1,2,3,4,5,6,7,8,9,10,11,12}, "
      "float[4,3] v = {1,2,3,4,5,6,7,8,9,10,11,13}> {" +
      body + "}");
}

ir::NodeId maker(const ir::Graph& graph, const char* value) {
  return *graph.value(*graph.find_value(value)).producer;
}

TEST(PartOf, IsAGraphThatComputesTheSame) {
  const ir::Graph graph = import("a = MatMul(x, w) b = Add(a, z) c = Relu(b) y = Mul(c, a) r = Sigmoid(z)");
  const ir::ValueId a = *graph.find_value("a"), y = *graph.find_value("y");
  const PartOfGraph part = part_of(graph, nodes_behind(graph, {a}), {y});
  EXPECT_EQ(part.inputs, (std::vector<ir::ValueId>{a, *graph.find_value("z")}));
  EXPECT_EQ(part.graph.nodes().size(), 3u);
  part.graph.verify();
  Rng rng(1);
  const auto all = testing::run_all(graph, testing::random_inputs(graph, rng));
  const std::vector<ir::Tensor> inputs{all.at(a), all.at(*graph.find_value("z"))};
  EXPECT_TRUE(ir::identical(testing::run(part.graph, inputs)[0], all.at(y)));
}

TEST(PartOf, HandsThroughAnOutputThatItDoesNotMake) {
  const ir::Graph graph = import("a = MatMul(x, w) y = Relu(a) r = Sigmoid(z)");
  const PartOfGraph part = part_of(graph, {maker(graph, "y")}, graph.outputs());
  EXPECT_EQ(part.inputs, (std::vector<ir::ValueId>{*graph.find_value("a"), *graph.find_value("r")}));
  EXPECT_EQ(part.graph.outputs()[1], part.graph.inputs()[1]);
}

TEST(NodesBehind, AreThoseThatDependOnTheValues) {
  const ir::Graph graph = import("a = MatMul(x, w) b = Relu(a) y = Add(b, z) r = Sigmoid(z)");
  EXPECT_EQ(nodes_behind(graph, {*graph.find_value("a")}), (std::set{maker(graph, "b"), maker(graph, "y")}));
  EXPECT_EQ(nodes_behind(graph, {*graph.find_value("z")}), (std::set{maker(graph, "y"), maker(graph, "r")}));
  EXPECT_TRUE(nodes_behind(graph, {*graph.find_value("y")}).empty());
}

TEST(SameComputation, IsAboutOperatorsLinksAttributesAndConstants) {
  const ir::Graph graph = import("a = MatMul(x, w) y = LeakyRelu <alpha = 0.1> (a) r = Add(y, z)");
  EXPECT_TRUE(same_computation(graph, import("q = MatMul(x, w) y = LeakyRelu <alpha = 0.1> (q) r = Add(y, z)")));
  EXPECT_FALSE(same_computation(graph, import("a = MatMul(x, v) y = LeakyRelu <alpha = 0.1> (a) r = Add(y, z)")));
  EXPECT_FALSE(same_computation(graph, import("a = MatMul(x, w) y = LeakyRelu <alpha = 0.2> (a) r = Add(y, z)")));
  EXPECT_FALSE(same_computation(graph, import("a = MatMul(x, w) y = LeakyRelu <alpha = 0.1> (a) r = Add(z, y)")));
  EXPECT_FALSE(same_computation(graph, import("a = MatMul(x, w) y = LeakyRelu <alpha = 0.1> (a) r = Sub(y, z)")));
  EXPECT_FALSE(same_computation(graph, import("a = MatMul(x, w) y = LeakyRelu <alpha = 0.1> (a) r = Relu(y)")));
}

}  // namespace
}  // namespace inc::tuning
