// What a run takes in memory, as planned.
#include "core/runtime/footprint.h"

#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/stored.h"

namespace inc {
namespace {

ir::Graph network() {
  return onnx_io::import_text(
      "g (float[N,64] x) => (float[N,32] y) <float[64,256] a, float[256,32] b> {"
      " h = MatMul(x, a) r = Relu(h) y = MatMul(r, b) }");
}

std::vector<ir::Tensor> batch(std::int64_t samples) {
  Rng rng(1);
  return {testing::random_tensor(DType::Float, {samples, 64}, rng)};
}

constexpr std::size_t kWeights = 4 * (64 * 256 + 256 * 32);

TEST(Footprint, HoldsTheWeightsAndWhatLiesBetweenOperators) {
  const auto executable = onednn::make_adaptor()->prepare(network());
  EXPECT_EQ(runtime::footprint_bytes(*executable), 0u) << "before the first run";
  executable->run(batch(4));
  const std::size_t small = runtime::footprint_bytes(*executable);
  EXPECT_GE(small, kWeights + 4 * 4 * 256);
  EXPECT_LE(small, 3 * kWeights) << "packed weights may be padded, the originals are not counted";
  executable->run(batch(64));
  const std::size_t large = runtime::footprint_bytes(*executable);
  EXPECT_GT(large, small);
  executable->run(batch(2));
  EXPECT_EQ(runtime::footprint_bytes(*executable), large) << "of the largest run so far";
}

TEST(Footprint, WeightsThatAreStoredElsewhereArePackedAndForgotten) {
  Rng rng(2);
  const auto values = testing::random_tensor(DType::Float, {64, 256}, rng);
  const auto data = std::make_shared<testing::CountedData>(values.to_floats());
  const ir::Tensor weights(DType::Float, {64, 256}, data);
  ir::Graph graph;
  graph.opset = 21;
  const ir::ValueId x = graph.add_input("x", {DType::Float, {{{-1, "N"}, {64, {}}}}});
  const ir::ValueId w = graph.add_constant("w", weights);
  graph.add_output(graph.add_node({"MatMul", {x, w}, {}, "product", {{DType::Float, {{{-1, "N"}, {256, {}}}}}}, {}})[0]);
  const auto adaptor = onednn::make_adaptor();
  const auto executable = adaptor->prepare(graph), again = adaptor->prepare(graph);
  executable->run(batch(64));
  EXPECT_EQ(data->reads(), 2) << "for what they are called by, and to be packed";
  again->run(batch(64));
  EXPECT_EQ(data->reads(), 2);
  static_cast<void>(weights.at_hand());
  EXPECT_EQ(data->reads(), 3) << "nobody has asked to keep them";
}

TEST(Footprint, OfATableOnlyTheRowsThatAreWantedAreRead) {
  constexpr std::int64_t kRows = 4096, kWidth = 96;
  Rng rng(3);
  const auto values = testing::random_tensor(DType::Float, {kRows, kWidth}, rng);
  const auto data = std::make_shared<testing::CountedData>(values.to_floats());
  ir::Graph graph;
  graph.opset = 21;
  const ir::ValueId ids = graph.add_input("ids", {DType::Int64, {{{-1, "N"}}}});
  const ir::ValueId table = graph.add_constant("table", ir::Tensor(DType::Float, {kRows, kWidth}, data));
  graph.add_output(graph.add_node({"Gather", {table, ids}, {}, "rows", {{DType::Float, {{{-1, "N"}, {kWidth, {}}}}}}, {}})[0]);
  const auto executable = onednn::make_adaptor()->prepare(graph);
  const auto rows = ir::Tensor::of<std::int64_t>({3}, {7, -1, 2000});
  const ir::Tensor found = executable->run({&rows, 1}).front();
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t row = i == 1 ? kRows - 1 : rows.values<std::int64_t>()[static_cast<std::size_t>(i)];
    for (std::int64_t c = 0; c < kWidth; ++c)
      EXPECT_EQ(found.data<float>()[i * kWidth + c], values.data<float>()[row * kWidth + c]);
  }
  EXPECT_LE(data->bytes(), 3u * 2 * 4096);
  const auto wrong = ir::Tensor::of<std::int64_t>({1}, {kRows});
  EXPECT_THROW(executable->run({&wrong, 1}), DataError);
}

TEST(Footprint, IsNothingWhereTheAdaptorCannotTell) {
  const auto executable = reference::make_adaptor()->prepare(network());
  executable->run(batch(4));
  EXPECT_EQ(runtime::footprint_bytes(*executable), 0u);
}

}  // namespace
}  // namespace inc
