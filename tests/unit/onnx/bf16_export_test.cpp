#include <gtest/gtest.h>

#include "core/base/file.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/approx.h"
#include "tests/support/models.h"
#include "tests/support/random.h"
#include "tests/support/run.h"

namespace inc::onnx_io {
namespace {

ir::Graph at_opset(int opset, const std::string& body) {
  return import_text("<ir_version: 7, opset_import: [\"\" : " + std::to_string(opset) + "]>\n" + body);
}

/// x → Cast → Conv in BF16 → Cast → last, at an opset whose Conv has no BF16.
ir::Graph old_conv(const std::string& last, ir::Attrs attrs, const ir::Shape& shape) {
  ir::Graph graph;
  graph.name = "g";
  graph.opset = 13;
  const auto type = [](DType dtype) { return ir::TensorType::of(dtype, {1, 2, 4, 4}); };
  Rng rng(3);
  const auto x = graph.add_input("x", type(DType::Float));
  const auto w = graph.add_constant("w", testing::random_tensor(DType::BFloat16, {40, 2, 1, 1}, rng));
  const auto v = graph.add_constant("v", testing::random_tensor(DType::BFloat16, {2, 40, 1, 1}, rng));
  const auto n = graph.add_node({"Cast", {x}, {{"to", std::int64_t{16}}}, "n", {type(DType::BFloat16)}, {}})[0];
  const auto wide = ir::TensorType::of(DType::BFloat16, {1, 40, 4, 4});
  const auto a = graph.add_node({"Conv", {n, w}, {}, "a", {wide}, {}})[0];
  const auto b = graph.add_node({"Conv", {a, v}, {}, "b", {type(DType::BFloat16)}, {}})[0];
  const auto f = graph.add_node({"Cast", {b}, {{"to", std::int64_t{1}}}, "f", {type(DType::Float)}, {}})[0];
  graph.add_output(
      graph.add_node({last, {f}, std::move(attrs), "last", {ir::TensorType::of(DType::Float, shape)}, {"y"}})[0]);
  return graph;
}

TEST(Bf16Export, KeepsTheOpsetThatHasEveryOperatorInBf16) {
  const ir::Graph graph = at_opset(13, R"(g (float[4,4] x) => (float[4,4] y) <bfloat16[4,4] w> {
    n = Cast<to = 16>(x)  a = MatMul(n, w)  b = Relu(a)  y = Cast<to = 1>(b) })");
  EXPECT_EQ(import_bytes(export_bytes(graph), {}).opset, 13);
}

TEST(Bf16Export, RaisesTheOpsetToTheFirstThatHas) {
  const ir::Graph graph = old_conv("Relu", {}, {1, 2, 4, 4});
  const ir::Graph back = import_bytes(export_bytes(graph), {});
  EXPECT_EQ(back.opset, 22);
  Rng rng(1);
  const auto inputs = testing::random_inputs(graph, rng);
  EXPECT_TRUE(testing::agree(testing::run(back, inputs)[0], testing::run(graph, inputs)[0], testing::Exact{}));
}

TEST(Bf16Export, ConvertsWhatChangedBetweenTheOpsets) {
  const ir::Graph graph = old_conv("ReduceMean", {{"axes", std::vector<std::int64_t>{2, 3}}}, {1, 2, 1, 1});
  const ir::Graph back = import_bytes(export_bytes(graph), {});
  EXPECT_GE(back.opset, 22);
  Rng rng(2);
  const auto inputs = testing::random_inputs(graph, rng);
  EXPECT_TRUE(testing::agree(testing::run(back, inputs)[0], testing::run(graph, inputs)[0], testing::Exact{}));
}

TEST(Bf16Export, RefusesOperatorsThatHaveNoBf16) {
  ir::Graph graph;
  graph.name = "g";
  graph.opset = 13;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::BFloat16, {4}));
  graph.add_output(graph.add_node({"Shrink", {x}, {}, "s", {ir::TensorType::of(DType::BFloat16, {4})}, {"y"}})[0]);
  EXPECT_FALSE(standard_bf16(graph));
  EXPECT_NE(standard_bf16(graph).why_not().find("'s' (Shrink)"), std::string::npos);
  EXPECT_THROW(export_bytes(graph), UnsupportedError);
}

TEST(Bf16Export, LeavesFp32ModelsAtTheirOpset) {
  const ir::Graph graph = at_opset(13, "g (float[1,2,4,4] x) => (float[1,2,4,4] y) <float[2,2,1,1] w> { y = Conv(x, w) }");
  EXPECT_TRUE(standard_bf16(graph));
  EXPECT_EQ(import_bytes(export_bytes(graph), {}).opset, 13);
}

TEST(Metadata, ComesBack) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "model.onnx";
  const ir::Graph graph = old_conv("Relu", {}, {1, 2, 4, 4});
  export_model(graph, path, {{{"inc_cpp.bf16", "[\"a\"]"}, {"other", ""}}});
  const auto metadata = metadata_of(path);
  EXPECT_EQ(metadata.at("inc_cpp.bf16"), "[\"a\"]");
  EXPECT_EQ(metadata.size(), 2u);
  write_file_atomically(path, "nonsense");
  EXPECT_THROW(metadata_of(path), ModelError);
}

}  // namespace
}  // namespace inc::onnx_io
