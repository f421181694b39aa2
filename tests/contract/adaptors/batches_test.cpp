// A large batch may run in parts only where its samples do not meet, and then gives what the samples give one by one.
#include "adaptors/onednn/batches.h"

#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/builder.h"
#include "adaptors/onednn/stages.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/parallel.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"
#include "tests/support/stored.h"

namespace inc {
namespace {

struct Case {
  const char* name;
  const char* graph;
  bool separable;
};

const Case kCases[] = {
    {"Convolutions",
     "g (float[N,3,8,8] x) => (float[N,10] y) <float[6,3,3,3] w, float[1,6,1,1] s, float[6,10] f> { a = Conv(x, w) b = "
     "Relu(a) "
     "c = Mul(b, s) d = GlobalAveragePool(c) e = Flatten(d) y = MatMul(e, f) }",
     true},
    {"ResidualAndConcat",
     "g (float[N,4,6,6] x) => (float[N,8,6,6] y) <float[4,4,1,1] w> { a = Conv(x, w) b = Add(a, x) y = Concat <axis = 1> "
     "(b, x) }",
     true},
    {"Attention",
     "g (float[N,5,8] x) => (float[N,5,8] y) { t = Transpose <perm = [0,2,1]> (x) s = MatMul(x, t) p = Softmax <axis = -1> "
     "(s) "
     "y = MatMul(p, x) }",
     true},
    {"Embedding", "g (int64[N,7] x) => (float[N,7,4] y) <float[9,4] t, float[1,7,4] q> { e = Gather(t, x) y = Add(e, q) }",
     true},
    {"ReshapedByShape", "g (float[N,6,4] x) => (float[N,24] y) <int64[2] s = {0,-1}> { y = Reshape(x, s) }", true},
    {"MeanOverTheBatch", "g (float[N,4] x) => (float[1,4] y) <int64[1] a = {0}> { y = ReduceMean(x, a) }", false},
    {"CentredByTheBatch", "g (float[N,4] x) => (float[N,4] y) <int64[1] a = {0}> { m = ReduceMean(x, a) y = Sub(x, m) }",
     false},
    {"SamplesMeetInAProduct", "g (float[N,4] x) => (float[N,N] y) { t = Transpose <perm = [1,0]> (x) y = MatMul(x, t) }",
     false},
    {"SoftmaxOverTheBatch", "g (float[N,4] x) => (float[N,4] y) { y = Softmax <axis = 0> (x) }", false},
    {"OneRangeForAll", "g (float[N,4] x) => (uint8[N,4] y, float s, uint8 z) { y, s, z = DynamicQuantizeLinear(x) }", false},
    {"AConstantPerSample", "g (float[16,4] x) => (float[16,4] y) <float[16,4] c> { y = Add(x, c) }", false},
    {"BatchInTheMiddle", "g (float[N,4,6] x) => (float[4,N,6] y) { y = Transpose <perm = [1,0,2]> (x) }", false},
    {"FixedBatchInAReshape", "g (float[N,6,4] x) => (float[16,24] y) <int64[2] s = {16,24}> { y = Reshape(x, s) }", false},
    {"RowsAreMoved",
     "g (float[N,4] x) => (float[N,4] y) <int64[1] from = {-1}, int64[1] to = {-9223372036854775807}, int64[1] a = {0}, "
     "int64[1] step = {-1}> { y = Slice(x, from, to, a, step) }",
     false},
};

class Batches : public ::testing::TestWithParam<Case> {};

TEST_P(Batches, AreDividedOnlyWhereSamplesDoNotMeet) {
  ir::Graph graph = onnx_io::import_text(GetParam().graph);
  passes::fusion_pipeline().run(graph);
  const onednn::Prepared prepared(graph);
  const auto shapes = [&](std::int64_t batch) {
    std::vector<ir::Shape> all;
    for (const ir::ValueId id : graph.inputs()) {
      all.push_back({});
      for (const ir::Dim& dim : *graph.value(id).type.dims) all.back().push_back(dim.known() ? dim.value : batch);
      all.back()[0] = batch;
    }
    return all;
  };
  const auto judge = [&] {
    return onednn::separable(prepared, onednn::propagate(prepared, shapes(16)), onednn::propagate(prepared, shapes(4)), 16,
                             4);
  };
  if (GetParam().separable) {
    EXPECT_TRUE(judge());
    return;
  }
  try {
    EXPECT_FALSE(judge());
  } catch (const ModelError&) {  // the smaller batch does not fit the graph at all
  }
}

INSTANTIATE_TEST_SUITE_P(All, Batches, ::testing::ValuesIn(kCases), [](const auto& item) { return item.param.name; });

/// Dequantized, they would take four times the memory of what runs.
TEST(BatchesOfWeights, AreJudgedWithoutTheValuesOfWeights) {
  ir::Graph graph;
  graph.opset = 21;
  const auto data = std::make_shared<testing::CountedData>(std::vector<float>(64 * 64 / 4));
  const ir::ValueId x = graph.add_input("x", ir::TensorType::of(DType::Float, {16, 64}));
  const ir::ValueId weights = graph.add_constant("w", ir::Tensor(DType::Int8, {64, 64}, data));
  const ir::ValueId scale = graph.add_constant("scale", ir::Tensor::scalar(0.5f));
  const auto add = [&](const std::string& op, const std::vector<ir::ValueId>& inputs, std::int64_t rows) {
    return graph.add_node({op, inputs, {}, op, {ir::TensorType::of(DType::Float, {rows, 64})}, {}})[0];
  };
  const ir::ValueId real = add("DequantizeLinear", {weights, scale}, 64);
  graph.add_output(add("Gemm", {add("MatMul", {x, real}, 16), real}, 16));
  const onednn::Prepared prepared(graph);
  const onednn::Shapes whole = onednn::propagate(prepared, std::vector<ir::Shape>{{16, 64}});
  const onednn::Shapes part = onednn::propagate(prepared, std::vector<ir::Shape>{{4, 64}});
  EXPECT_TRUE(onednn::separable(prepared, whole, part, 16, 4));
  EXPECT_EQ(data->reads(), 0);
}

TEST(BatchesInParts, GiveWhatTheSamplesGiveOneByOne) {
  ir::Graph graph = onnx_io::import_text(
      "g (float[N,3,64,64] x) => (float[N,32,64,64] y, float[N,32] z) <float[32,3,3,3] w, float[32,32,3,3] v> {"
      " a = Conv <pads = [1,1,1,1]> (x, w) b = Relu(a) c = Conv <pads = [1,1,1,1]> (b, v) y = Add(c, b)"
      " m = GlobalAveragePool(y) z = Flatten(m) }");
  passes::fusion_pipeline().run(graph);
  const auto engine = onednn::make_adaptor()->prepare(graph);
  Rng rng(1);
  const std::int64_t batch = 24;
  ASSERT_LT(onednn::samples_at_a_time(batch, std::size_t{2 * 32 * 64 * 64 * 4} * batch, 2), batch);
  const ir::Tensor all = testing::random_tensor(DType::Float, {batch, 3, 64, 64}, rng);
  for (const int team : {1, 2}) {
    set_threads(team);
    const auto outputs = engine->run(std::vector{all});
    ASSERT_EQ(outputs[0].shape(), (ir::Shape{batch, 32, 64, 64}));
    ASSERT_EQ(outputs[1].shape(), (ir::Shape{batch, 32}));
    for (const std::int64_t n : {0, 1, 7, 23}) {
      ir::Tensor one(DType::Float, {1, 3, 64, 64});
      std::copy_n(all.raw() + static_cast<std::size_t>(n) * one.bytes(), one.bytes(), one.mutable_raw());
      const auto expected = engine->run(std::vector{one});
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const ir::Tensor found(DType::Float, expected[i].shape(),
                               outputs[i].raw() + static_cast<std::size_t>(n) * expected[i].bytes(),
                               std::make_shared<const ir::Tensor>(outputs[i]));
        EXPECT_TRUE(testing::agree(found, expected[i], testing::Nmse{1e-12}));
      }
    }
    for (const auto& step : engine->profile(std::vector{all}, 1)) EXPECT_GE(step.milliseconds, 0);
  }
  set_threads(0);
}

/// Large values first, large weights behind them: 4 MiB and 32 MiB of FP32.
constexpr const char* kNarrowing =
    "g (float[N,3,64,64] x) => (float[N,10] y) <float[32,3,3,3] w, float[32,32,3,3] v, float[512,2048] a, float[2048,2048] "
    "b, "
    "float[2048,10] c> { d = Conv <pads = [1,1,1,1]> (x, w) e = Conv <pads = [1,1,1,1]> (d, v) f = Relu(e)"
    " p = MaxPool <kernel_shape = [16,16], strides = [16,16]> (f) q = Flatten(p) r = MatMul(q, a) s = Relu(r)"
    " t = MatMul(s, b) u = Relu(t) y = MatMul(u, c) }";

onednn::Stages stages_of_graph(const onednn::Prepared& prepared, onednn::PackedWeights& weights, std::int64_t batch,
                               std::int64_t few) {
  const auto plan_of = [&](std::int64_t samples) -> std::optional<onednn::Plan> {
    const onednn::Shapes shapes = onednn::propagate(prepared, std::vector<ir::Shape>{{samples, 3, 64, 64}});
    return onednn::Builder(prepared, shapes, {}, {}, weights).build();
  };
  return onednn::stages_of(*plan_of(batch), batch, few, 1, plan_of);
}

TEST(BatchesInStages, LargeWeightsAreReadOnce) {
  ir::Graph graph = onnx_io::import_text(kNarrowing);
  passes::fusion_pipeline().run(graph);
  const onednn::Prepared prepared(graph);
  onednn::PackedWeights weights;
  const onednn::Stages stages = stages_of_graph(prepared, weights, 24, 4);
  ASSERT_GE(stages.size(), 2u);
  EXPECT_EQ(stages.front()->samples, 4);
  EXPECT_EQ(stages.back()->samples, 24);
  std::vector<std::string> names;
  for (const auto& stage : stages)
    for (const onednn::Step& step : stage->plan.steps)
      if (step.profile.macs > 0) names.push_back(step.profile.op_type);
  EXPECT_EQ(names, (std::vector<std::string>{"Conv", "Conv", "MatMul", "MatMul", "MatMul"}));
  EXPECT_LT(onednn::footprint_bytes(stages), std::size_t{60} << 20);
}

TEST(BatchesInStages, GiveWhatTheSamplesGiveOneByOne) {
  ir::Graph graph = onnx_io::import_text(kNarrowing);
  passes::fusion_pipeline().run(graph);
  const auto engine = onednn::make_adaptor()->prepare(graph);
  Rng rng(3);
  const ir::Tensor all = testing::random_tensor(DType::Float, {24, 3, 64, 64}, rng);
  std::vector<ir::Tensor> held;
  for (int run = 0; run < 3; ++run) held.push_back(engine->run(std::vector{all})[0]);
  for (std::int64_t n = 0; n < 24; ++n) {
    ir::Tensor one(DType::Float, {1, 3, 64, 64});
    std::copy_n(all.raw() + static_cast<std::size_t>(n) * one.bytes(), one.bytes(), one.mutable_raw());
    const ir::Tensor expected = engine->run(std::vector{one})[0];
    for (const ir::Tensor& whole : held) {
      const ir::Tensor found(DType::Float, {1, 10}, whole.raw() + static_cast<std::size_t>(n) * expected.bytes(),
                             std::make_shared<const ir::Tensor>(whole));
      EXPECT_TRUE(testing::agree(found, expected, testing::Nmse{1e-10}));
    }
  }
  std::int64_t macs = 0, of_one = 0;
  for (const auto& step : engine->profile(std::vector{all}, 1)) macs += step.macs;
  for (const auto& step : engine->profile(std::vector{testing::random_tensor(DType::Float, {1, 3, 64, 64}, rng)}, 1))
    of_one += step.macs;
  EXPECT_EQ(macs, 24 * of_one);
}

TEST(BatchesInParts, AGraphMadeForOneBatchRunsWhole) {
  const ir::Graph graph = onnx_io::import_text(
      "g (float[16,64,64,64] x) => (float[16,262144] y) <int64[2] s = {16,-1}> { a = Relu(x) y = Reshape(a, s) }");
  Rng rng(2);
  const auto inputs = testing::random_inputs(graph, rng);
  const auto found = onednn::make_adaptor()->prepare(graph)->run(inputs);
  EXPECT_EQ(found[0].shape(), (ir::Shape{16, 262144}));
  EXPECT_EQ(found[0].data<float>()[5], std::max(0.0f, inputs[0].data<float>()[5]));
}

}  // namespace
}  // namespace inc
