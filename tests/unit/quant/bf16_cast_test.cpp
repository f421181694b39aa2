#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/support/approx.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/quant/bf16_nets.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

using testing::agree;
using testing::Exact;

ir::Graph random_dag(std::uint64_t seed, int nodes) {
  Rng rng(seed);
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(rng.uniform() * static_cast<double>(n)); };
  Builder b;
  std::vector<ir::ValueId> values{b.input("x", {4, 4}), b.input("z", {4, 4})};
  const auto constant = b.weight("shared", {4, 4}, 7);
  for (int i = 0; i < nodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    const auto from = values[pick(values.size())], other = values[pick(values.size())];
    const ir::Shape shape{4, 4};
    switch (pick(8)) {
      case 0:
      case 1:
        values.push_back(b.node("MatMul", name, {from, b.weight(name + "_w", shape, seed + 1)}, shape));
        break;
      case 2:
        values.push_back(b.node("Add", name, {from, other}, shape));
        break;
      case 3:
        values.push_back(b.node("Mul", name, {from, constant}, shape));
        break;
      case 4:
        values.push_back(b.node("Tanh", name, {from}, shape));
        break;
      case 5:
        values.push_back(b.node("Transpose", name, {from}, shape));
        break;
      case 6:
        values.push_back(b.node("LogSoftmax", name, {from}, shape));
        break;
      default:
        values.push_back(b.node("MatMul", name, {from, other}, shape));
    }
    if (pick(5) == 0) b.output(values.back());
  }
  b.output(values.back());
  return b.graph;
}

/// Casts under an assignment, counted value by value.
std::size_t casts_under(const ir::Graph& graph, const std::set<ir::NodeId>& bf16) {
  std::size_t casts = 0;
  for (const ir::ValueId id : graph.values()) {
    const ir::Value& value = graph.value(id);
    if (value.constant) continue;
    const bool made = value.producer && bf16.contains(*value.producer);
    bool differs = made && graph.is_output(id);
    for (const ir::NodeId user : value.consumers) differs = differs || bf16.contains(user) != made;
    casts += differs ? 1 : 0;
  }
  return casts;
}

TEST(Bf16Cast, TakesTheFewestCastsOnRandomGraphs) {
  const Bf16Policies policies;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Bf16Net net(random_dag(seed, 12));
    const Bf16Plan plan = net.plan();
    std::vector<ir::NodeId> free;
    std::set<ir::NodeId> fixed;
    for (const ir::NodeId id : net.graph.nodes()) {
      if (policies.of(net.graph.node(id)) == ops::Bf16Policy::Infer) free.push_back(id);
      if (policies.of(net.graph.node(id)) == ops::Bf16Policy::Allow) fixed.insert(id);
    }
    std::size_t fewest = 1000;
    for (std::uint32_t choice = 0; choice < 1u << free.size(); ++choice) {
      std::set<ir::NodeId> bf16 = fixed;
      for (std::size_t i = 0; i < free.size(); ++i)
        if ((choice >> i & 1u) != 0) bf16.insert(free[i]);
      fewest = std::min(fewest, casts_under(net.graph, bf16));
    }
    EXPECT_EQ(plan.casts, fewest) << "seed " << seed;
    EXPECT_EQ(casts_under(net.graph, plan.nodes), fewest) << "seed " << seed;
  }
}

TEST(Bf16Cast, AddsNoRedundantCastOnRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Bf16Net net(random_dag(seed, 30));
    const Bf16Plan plan = net.plan();
    const ir::Graph cast = cast_bf16(net.graph, plan, net.constants);
    cast.verify();
    EXPECT_EQ(count_casts(cast), plan.casts) << "seed " << seed;
    std::set<ir::ValueId> sources;
    for (const ir::NodeId id : cast.nodes()) {
      const ir::Node& node = cast.node(id);
      if (node.op != "Cast") continue;
      EXPECT_TRUE(sources.insert(node.inputs[0]).second) << "two casts of one value";
      EXPECT_NE(cast.value(node.inputs[0]).type.dtype, cast.value(node.outputs[0]).type.dtype);
      const ir::Node* source = cast.producer(node.inputs[0]);
      EXPECT_TRUE(source == nullptr || source->op != "Cast") << "a cast of a cast";
      EXPECT_EQ(cast.constant(node.inputs[0]), nullptr) << "a cast of a constant";
    }
    for (const ir::NodeId id : plan.nodes) EXPECT_EQ(cast.node(id).op, net.graph.node(id).op) << "ids are kept";
    EXPECT_EQ(cast.output_names(), net.graph.output_names());
    for (const ir::ValueId id : cast.outputs()) EXPECT_EQ(cast.value(id).type.dtype, DType::Float);
  }
}

ir::Tensor rounded(const ir::Tensor& tensor) {
  ir::Tensor out(DType::Float, tensor.shape());
  for (std::int64_t i = 0; i < tensor.count(); ++i)
    out.mutable_data<float>()[i] = static_cast<float>(BFloat16(tensor.data<float>()[i]));
  return out;
}

/// FP32 arithmetic on rounded inputs, results rounded.
std::vector<ir::Tensor> oracle(const ir::Graph& graph, const Bf16Plan& plan, const std::vector<ir::Tensor>& inputs) {
  std::map<ir::ValueId, ir::Tensor> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    const bool bf16 = plan.nodes.contains(id);
    std::vector<ir::Tensor> arguments;
    for (const ir::ValueId v : node.inputs) {
      const ir::Tensor& x = graph.constant(v) != nullptr ? *graph.constant(v) : values.at(v);
      arguments.push_back(bf16 ? rounded(x) : x);
    }
    const auto results = ops::evaluate(node, arguments, graph.opset);
    for (std::size_t i = 0; i < results.size(); ++i) values[node.outputs[i]] = bf16 ? rounded(results[i]) : results[i];
  }
  std::vector<ir::Tensor> outputs;
  for (const ir::ValueId v : graph.outputs()) outputs.push_back(values.at(v));
  return outputs;
}

TEST(Bf16Cast, ComputesInFp32AndRoundsOnce) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Bf16Net net(random_dag(seed, 14));
    const Bf16Plan plan = net.plan();
    const ir::Graph cast = cast_bf16(net.graph, plan, net.constants);
    Rng rng(seed);
    const auto inputs = testing::random_inputs(net.graph, rng);
    const auto expected = oracle(net.graph, plan, inputs);
    const auto actual = testing::run(cast, inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_TRUE(agree(actual[i], expected[i], Exact{})) << "seed " << seed;
  }
}

TEST(Bf16Cast, TypesAgreeWithTheOperators) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const ir::Graph cast = Bf16Net(random_dag(seed, 20)).cast();
    Rng rng(seed);
    for (const auto& [id, tensor] : testing::run_all(cast, testing::random_inputs(cast, rng)))
      EXPECT_EQ(cast.value(id).type.dtype, tensor.dtype()) << cast.value(id).name;
  }
}

TEST(Bf16Cast, SharesOneCastAndOneConstantAmongReaders) {
  const ir::Graph cast = Bf16Net(R"(g (float[4,4] x) => (float[4,4] y, float[4,4] z) <float[4,4] w> {
    a = MatMul(x, w)  b = MatMul(x, w)  y = LogSoftmax(a)  z = Add(b, a) })")
                             .cast();
  EXPECT_EQ(nodes_of(cast), R"(x_bfloat16 = Cast(x)
a = MatMul(x_bfloat16, w_bfloat16)
b = MatMul(x_bfloat16, w_bfloat16)
a_float = Cast(a)
y = LogSoftmax(a_float)
b_float = Cast(b)
z = Add(b_float, a_float)
)");
}

TEST(Bf16Cast, KeepsNamesAndTypesOfTheGraphsOutputs) {
  const ir::Graph cast = Bf16Net("g (float[4,4] x) => (float[4,4] y) <float[4,4] w> { y = MatMul(x, w) }").cast();
  EXPECT_EQ(cast.output_names(), std::vector<std::string>{"y"});
  EXPECT_EQ(cast.value(cast.outputs()[0]).type.dtype, DType::Float);
  EXPECT_EQ(cast.value(cast.inputs()[0]).type.dtype, DType::Float);
}

TEST(Bf16Cast, LeavesShapesAndIndicesAlone) {
  const ir::Graph cast = Bf16Net(R"(g (float[1,1,4,4] x) => (float[1,1,8,8] y) <float[1,1,1,1] w> {
    a = Conv(x, w)  r = Constant<value = float[4] {1, 1, 2, 2}>()  b = Resize<mode = "linear">(a, , r)  y = Conv(b, w) })")
                             .cast();
  for (const ir::NodeId id : cast.nodes())
    if (cast.node(id).op == "Resize") {
      EXPECT_EQ(cast.value(cast.node(id).inputs[0]).type.dtype, DType::BFloat16);
      EXPECT_EQ(cast.value(cast.node(id).inputs[2]).type.dtype, DType::Float);
    }
  EXPECT_EQ(count_casts(cast), 2u);
}

TEST(Bf16Cast, ShapesAreReadFromWhateverTypeThereIs) {
  const ir::Graph cast = Bf16Net(R"(g (float[N,4] x) => (float[N,4] y, int64[2] s) <float[4,4] w> {
    a = MatMul(x, w)  s = Shape(a)  b = Relu(a)  y = MatMul(b, w) })")
                             .cast();
  EXPECT_EQ(nodes_of(cast), R"(x_bfloat16 = Cast(x)
a = MatMul(x_bfloat16, w_bfloat16)
s = Shape(a)
b = Relu(a)
y = MatMul(b, w_bfloat16)
y_float = Cast(y)
)");
}

TEST(Bf16Cast, UsesTheCastsThatAreThere) {
  constexpr const char* text = R"(g (float[4,4] x) => (float[4,4] y) <float[4,4] w> {
    n = Cast<to = 16>(x)  f = Cast<to = 1>(n)  a = MatMul(f, w)  m = Cast<to = 16>(a)  y = Cast<to = 1>(m) })";
  Bf16Net net(text);
  const Bf16Plan plan = net.plan();
  EXPECT_EQ(plan.casts, 0u);
  const ir::Graph cast = cast_bf16(net.graph, plan, net.constants);
  cast.verify();
  EXPECT_EQ(nodes_of(cast), "n = Cast(x)\na = MatMul(n, w_bfloat16)\ny = Cast(a)\n");
}

TEST(Bf16Cast, CastingTwiceChangesNothing) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bf16Net net(Bf16Net(random_dag(seed, 20)).cast());
    EXPECT_EQ(nodes_of(net.cast()), nodes_of(net.graph)) << "seed " << seed;
  }
}

TEST(Bf16Text, BringsThePlanBack) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Bf16Net net(random_dag(seed, 20));
    const Bf16Plan plan = net.plan();
    EXPECT_EQ(bf16_plan_of(net.graph, bf16_plan_text(net.graph, plan)).nodes, plan.nodes);
  }
}

TEST(Bf16Text, IgnoresWhatIsGoneAndRefusesNonsense) {
  const Bf16Net net("g (float[4,4] x) => (float[4,4] y) <float[4,4] w> { y = MatMul(x, w) }");
  EXPECT_TRUE(bf16_plan_of(net.graph, R"(["x", "w", "nothing"])").nodes.empty());
  EXPECT_EQ(bf16_plan_of(net.graph, R"(["y"])").nodes.size(), 1u);
  for (const char* text : {"", "{}", "[1]", "[\"y\"", "y"}) EXPECT_THROW(bf16_plan_of(net.graph, text), ModelError) << text;
}

TEST(Bf16Constants, RoundsOncePerStorage) {
  Bf16Constants constants;
  const ir::Tensor w = random_tensor({8, 8}, 3);
  EXPECT_EQ(constants.rounded(w).raw(), constants.rounded(w).raw());
  EXPECT_NE(constants.rounded(w.reshaped({64})).shape(), constants.rounded(w).shape());
}

}  // namespace
}  // namespace inc::quant
