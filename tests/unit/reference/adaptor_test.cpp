#include "adaptors/reference/adaptor.h"

#include <gmock/gmock.h>

#include <thread>

namespace inc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// y = Relu(x + b), z = -y; outputs y and z.
struct Small {
  ir::Graph graph;
  ir::ValueId x, b, sum, y, z;
  Small() {
    ir::TensorType type{DType::Float, std::vector<ir::Dim>{{-1, "N"}, {2, ""}}};
    x = graph.add_input("x", type);
    b = graph.add_constant("b", ir::Tensor::of<float>({2}, {-1, 1}));
    sum = graph.add_node({"Add", {x, b}, {}, "add", {type}, {}})[0];
    y = graph.add_node({"Relu", {sum}, {}, "relu", {type}, {}})[0];
    z = graph.add_node({"Neg", {y}, {}, "neg", {type}, {}})[0];
    graph.add_output(y);
    graph.add_output(z);
    graph.opset = 21;
  }
};

std::vector<float> list(const ir::Tensor& t) {
  return {t.values<float>().begin(), t.values<float>().end()};
}

TEST(Reference, ComputesTheGraphOutputsInOrder) {
  const Small small;
  const auto executable = reference::make_adaptor()->prepare(small.graph);
  const auto out = executable->run(std::vector{ir::Tensor::of<float>({1, 2}, {0, 2})});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(list(out[0]), ElementsAre(0, 3));
  EXPECT_THAT(list(out[1]), ElementsAre(0, -3));
}

TEST(Reference, DeliversEveryWantedValueOnce) {
  const Small small;
  const auto executable = reference::make_adaptor()->prepare(small.graph);
  std::map<ir::ValueId, int> seen;
  runtime::TapSink tap{{small.x, small.b, small.sum, small.z}, [&](ir::ValueId id, const ir::Tensor&) { ++seen[id]; }};
  executable->run(std::vector{ir::Tensor::of<float>({1, 2}, {0, 2})}, tap);
  EXPECT_EQ(seen, (std::map<ir::ValueId, int>{{small.x, 1}, {small.b, 1}, {small.sum, 1}, {small.z, 1}}));
}

TEST(Reference, RefusesInputsThatDoNotFit) {
  const Small small;
  const auto executable = reference::make_adaptor()->prepare(small.graph);
  const auto run = [&](ir::Tensor input) { executable->run(std::vector{std::move(input)}); };
  EXPECT_THROW(run(ir::Tensor::of<float>({1, 3}, {0, 0, 0})), DataError);
  EXPECT_THROW(run(ir::Tensor::of<double>({1, 2}, {0, 0})), DataError);
  EXPECT_THROW(run(ir::Tensor::of<float>({2}, {0, 0})), DataError);
  EXPECT_THROW(run(ir::Tensor{}), DataError);
  EXPECT_THROW(executable->run({}), DataError);
}

TEST(Reference, RefusesAnUnknownOperatorByNodeAndType) {
  Small small;
  small.graph.add_node({"Frobnicate", {small.x}, {}, "odd", {ir::TensorType{}}, {}});
  try {
    (void)reference::make_adaptor()->prepare(small.graph);
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("odd"));
    EXPECT_THAT(e.what(), HasSubstr("Frobnicate"));
  }
}

TEST(Reference, SaysWhatIsNeverQuantizedOrCast) {
  Small small;
  const auto exponent = small.graph.add_node({"Exp", {small.x}, {}, "exp", {ir::TensorType{}}, {}})[0];
  const auto node = *small.graph.value(exponent).producer;
  const auto adaptor = reference::make_adaptor();
  quant::OpConfig config;
  config.precision = quant::Precision::Fp32;
  EXPECT_TRUE(adaptor->supports(small.graph, node, config));
  config.precision = quant::Precision::Int8;
  EXPECT_THAT(adaptor->supports(small.graph, node, config).why_not(), HasSubstr("never quantized"));
  config.precision = quant::Precision::Bf16;
  EXPECT_THAT(adaptor->supports(small.graph, node, config).why_not(), HasSubstr("never cast"));
}

TEST(Reference, ProfilesEveryNode) {
  const Small small;
  const auto steps =
      reference::make_adaptor()->prepare(small.graph)->profile(std::vector{ir::Tensor::of<float>({1, 2}, {0, 2})}, 2);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0].name, "add");
  EXPECT_EQ(steps[1].op_type, "Relu");
  EXPECT_EQ(steps[2].precision, "fp32");
}

TEST(Reference, RunsFromTwoThreadsAtOnce) {
  const Small small;
  const auto executable = reference::make_adaptor()->prepare(small.graph);
  std::vector<std::vector<float>> results(2);
  const auto work = [&](std::size_t i) {
    for (int k = 0; k < 50; ++k)
      results[i] = list(executable->run(std::vector{ir::Tensor::of<float>({1, 2}, {1, static_cast<float>(i)})})[0]);
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  EXPECT_THAT(results[0], ElementsAre(0, 1));
  EXPECT_THAT(results[1], ElementsAre(0, 2));
}

}  // namespace
}  // namespace inc
