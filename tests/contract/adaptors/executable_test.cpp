// What every executable promises: re-entrant runs, results that do not depend on the number of threads, each wanted value
// delivered once and equal to what the oracle computes, and errors that name what does not fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <thread>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/parallel.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using ::testing::HasSubstr;

ir::Graph small_network() {
  ir::Graph graph = onnx_io::import_text(
      "g (float[N,3,16,16] x) => (float[N,10] y) <float[24,3,3,3] w, float[24,1,3,3] d, float[24,24,1,1] p, float[24,10] f> "
      "{"
      " a = Conv <pads = [1,1,1,1]> (x, w) b = Relu(a) c = Conv <group = 24, pads = [1,1,1,1]> (b, d) e = Sigmoid(c)"
      " h = Mul(c, e) i = Conv(h, p) j = Add(i, b) k = Relu(j) m = GlobalAveragePool(k) n = Flatten(m)"
      " o = MatMul(n, f) y = Softmax(o) }");
  passes::fusion_pipeline().run(graph);
  return graph;
}

ir::Graph quantized_network() {
  testing::GroupSpec spec;
  spec.x = {3, 32, 12, 12};
  spec.w = {48, 32, 3, 3};
  spec.activation = "relu";
  spec.residual = testing::GroupSpec::Residual::Quantized;
  return testing::GroupBuilder(5).group(spec);
}

std::vector<ir::Tensor> inputs_for(const ir::Graph& graph, std::int64_t batch, std::uint64_t seed) {
  Rng rng(seed);
  return testing::random_inputs(graph, rng, batch);
}

class ExecutableTest : public ::testing::TestWithParam<bool> {
 protected:
  ir::Graph graph = GetParam() ? quantized_network() : small_network();
  std::unique_ptr<const runtime::Executable> engine = onednn::make_adaptor()->prepare(graph);
  ~ExecutableTest() override { set_threads(0); }
};

TEST_P(ExecutableTest, RunsFromSeveralThreadsAtOnce) {
  std::vector<std::vector<ir::Tensor>> inputs;
  std::vector<ir::Tensor> expected;
  for (int t = 0; t < 4; ++t) {
    inputs.push_back(inputs_for(graph, 1 + t % 2, static_cast<std::uint64_t>(t)));
    expected.push_back(engine->run(inputs.back())[0]);
  }
  const auto fresh = onednn::make_adaptor()->prepare(graph);
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) wrong[t] += !ir::identical(fresh->run(inputs[t])[0], expected[t]);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

TEST_P(ExecutableTest, ComputesTheSameWithOneAndTwoThreads) {
  const auto inputs = inputs_for(graph, 4, 1);
  set_threads(1);
  const auto one = engine->run(inputs);
  set_threads(2);
  const auto two = engine->run(inputs);
  EXPECT_TRUE(testing::agree(two[0], one[0], testing::Exact{}));
}

TEST(Executable, SumsLongRowsAlikeWithOneAndTwoThreads) {
  const ir::Graph graph = onnx_io::import_text(
      "g (float[1,4096] x, float[1,2048,1,1] z, float[3,30000] r) => (float[1,16] a, float[1,8,1,1] b, float[3] c) "
      "<float[4096,16] w, float[8,2048,1,1] v, int64[1] one = {1}> "
      "{ a = MatMul(x, w) b = Conv(z, v) c = ReduceSum <keepdims = 0> (r, one) }");
  const auto engine = onednn::make_adaptor()->prepare(graph);
  const auto inputs = inputs_for(graph, 1, 1);
  set_threads(1);
  const auto one = engine->run(inputs);
  set_threads(2);
  const auto two = engine->run(inputs);
  set_threads(0);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(testing::agree(two[i], one[i], testing::Exact{})) << i;
}

TEST_P(ExecutableTest, DeliversEveryValueOnceAndAsTheOracleComputesIt) {
  const auto inputs = inputs_for(graph, 2, 2);
  const auto collect = [&](const runtime::Executable& executable) {
    std::map<ir::ValueId, ir::Tensor> seen;
    runtime::TapSink tap;
    for (const ir::ValueId v : graph.values()) tap.wanted.insert(v);
    tap.on_value = [&](ir::ValueId v, const ir::Tensor& t) {
      EXPECT_TRUE(seen.emplace(v, t).second) << graph.value(v).name;
    };
    executable.run(inputs, tap);
    return seen;
  };
  const auto found = collect(*engine), expected = collect(*reference::make_adaptor()->prepare(graph));
  ASSERT_EQ(found.size(), graph.values().size());
  for (const auto& [value, tensor] : expected) {
    if (tensor.dtype() == DType::Float)
      EXPECT_TRUE(testing::agree(found.at(value), tensor, testing::Nmse{1e-9})) << graph.value(value).name;
    else
      EXPECT_TRUE(testing::agree(found.at(value), tensor, testing::QStep{1, 1})) << graph.value(value).name;
  }
}

TEST_P(ExecutableTest, ProfilesEveryStep) {
  const auto steps = engine->profile(inputs_for(graph, 2, 1), 2);
  ASSERT_FALSE(steps.empty());
  for (const auto& step : steps) {
    EXPECT_FALSE(step.kernel.empty());
    EXPECT_FALSE(step.isa.empty());
    EXPECT_GE(step.milliseconds, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExecutableTest, ::testing::Bool(),
                         [](const auto& item) { return item.param ? "Quantized" : "Real"; });

TEST(Executable, HandsOnNanAsTheOracleDoes) {
  const ir::Graph graph = onnx_io::import_text(
      "g (float[7,33] x, float[33] z) => (float[7,33] a, float[7,33] b, float[7,33] c, float[7,33] d, float[7,33] e, "
      "float[7,33] f, float[7] m, int64[7] i) <float low = {-0.5}, float high = {0.5}, int64[1] l = {1}> {"
      " a = Relu(x) b = Clip(x, low, high) c = Max(x, z) d = Min(z, x) e = Exp(x) f = HardSigmoid(x)"
      " m = ReduceMax <keepdims = 0> (x, l) i = ArgMax <axis = 1, keepdims = 0> (x) }");
  Rng rng(4);
  auto inputs = testing::random_inputs(graph, rng);
  float* x = inputs[0].mutable_data<float>();
  for (const std::int64_t at : {0, 40, 41, 100, 230}) x[at] = std::nanf("");
  const auto found = onednn::make_adaptor()->prepare(graph)->run(inputs);
  const auto expected = reference::make_adaptor()->prepare(graph)->run(inputs);
  for (std::size_t i = 0; i + 1 < found.size(); ++i)
    for (std::int64_t k = 0; k < found[i].count(); ++k)
      EXPECT_EQ(std::isnan(found[i].data<float>()[k]), std::isnan(expected[i].data<float>()[k])) << i << " " << k;
  EXPECT_TRUE(identical(found.back(), expected.back()));
}

TEST(Executable, RefusesScalesThatDoNotFit) {
  const ir::Graph graph = onnx_io::import_text(
      "g (float[N,6] x) => (float[N,4] y) <int8[6,4] w, float[4,1] s = {1,1,1,1}> {"
      " d = DequantizeLinear <axis = 1> (w, s) y = MatMul(x, d) }");
  const std::vector<ir::Tensor> inputs{ir::Tensor::of<float>({1, 6}, std::vector<float>(6))};
  for (const auto& adaptor : {onednn::make_adaptor(), reference::make_adaptor()})
    EXPECT_THROW(adaptor->prepare(graph)->run(inputs), ModelError);
}

TEST(Executable, RefusesInputsThatDoNotFit) {
  const auto engine = onednn::make_adaptor()->prepare(small_network());
  const auto run = [&](ir::Tensor input) { engine->run(std::vector{std::move(input)}); };
  EXPECT_THROW(run(ir::Tensor(DType::Float, {1, 4, 16, 16})), DataError);
  EXPECT_THROW(run(ir::Tensor(DType::Int32, {1, 3, 16, 16})), DataError);
  EXPECT_THROW(run(ir::Tensor{}), DataError);
  EXPECT_THROW(engine->run({}), DataError);
}

TEST(Executable, TakesABatchOfNoSamples) {
  const ir::Graph graph = onnx_io::import_text("g (float[N,6] x) => (float[N,4] y) <float[6,4] w> { y = MatMul(x, w) }");
  const std::vector<ir::Tensor> inputs{ir::Tensor(DType::Float, {0, 6})};
  const auto engine = onednn::make_adaptor()->prepare(graph);
  EXPECT_EQ(engine->run(inputs)[0].shape(), (ir::Shape{0, 4}));
  EXPECT_NO_THROW(engine->profile(inputs, 2));
}

TEST(Executable, NamesAnIndexThatIsOutOfRange) {
  const auto engine = onednn::make_adaptor()->prepare(
      onnx_io::import_text("g (int64[2] i) => (float[2,3] y) <float[4,3] t> { y = Gather(t, i) }"));
  try {
    engine->run(std::vector{ir::Tensor::of<std::int64_t>({2}, {1, 4})});
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("index 4"));
  }
}

TEST(Isa, ObeysTheCap) {
  const char* cap = std::getenv("INC_MAX_ISA");
  if (cap == nullptr || *cap == '\0') GTEST_SKIP() << "INC_MAX_ISA is not set";
  const std::vector<std::string> order{"avx2", "avx512_core", "avx512_core_vnni", "avx512_core_bf16", "avx512_core_amx"};
  const auto rank = [&](const std::string& name) { return std::find(order.begin(), order.end(), name) - order.begin(); };
  EXPECT_LE(rank(onednn::isa_name()), rank(cap));
}

TEST(Adaptor, SupportsWhatItSays) {
  const ir::Graph graph = small_network();
  const auto adaptor = onednn::make_adaptor();
  quant::OpConfig config;
  for (const ir::NodeId id : graph.nodes()) {
    config.precision = quant::Precision::Fp32;
    EXPECT_TRUE(adaptor->supports(graph, id, config));
    config.precision = quant::Precision::Int8;
    const bool anchor =
        graph.node(id).op.starts_with("inc.") || graph.node(id).op == "Conv" || graph.node(id).op == "MatMul";
    const Support support = adaptor->supports(graph, id, config);
    EXPECT_EQ(static_cast<bool>(support), anchor) << graph.node(id).op << ": " << support.why_not();
    config.precision = quant::Precision::Bf16;
    EXPECT_TRUE(adaptor->supports(graph, id, config)) << graph.node(id).op;
  }
}

}  // namespace
}  // namespace inc
