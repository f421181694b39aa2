// Taking up a run behind replaced values: the same bits as a run in which the values are so, on every adaptor.
#include <gtest/gtest.h>

#include <mutex>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "tests/contract/adaptors/operators.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"

namespace inc {
namespace {

using Values = std::map<ir::ValueId, ir::Tensor>;

ir::Graph import_fused(const std::string& text) {
  ir::Graph graph = onnx_io::import_text(text);
  passes::fusion_pipeline().run(graph);
  return graph;
}

ir::Graph residual_network() {
  return import_fused(
      "g (float[N,3,16,16] x) => (float[N,10] y, float[N,24,1,1] m) <float[24,3,3,3] w, float[24,1,3,3] d, "
      "float[24,24,1,1] p, float[24,10] f, float[16,24,1,1] q, float[24,40,1,1] r> {"
      " a = Conv <pads = [1,1,1,1]> (x, w) b = Relu(a) c = Conv <group = 24, pads = [1,1,1,1]> (b, d) e = Sigmoid(c)"
      " h = Mul(c, e) i = Conv(h, p) j = Add(i, b) k = Relu(j) s = Conv(k, q) t = Concat <axis = 1> (s, k)"
      " u = Conv(t, r) v = Add(u, k) m = GlobalAveragePool(v) n = Flatten(m) o = MatMul(n, f) y = Softmax(o) }");
}

ir::Graph attention_network() {
  return import_fused(
      "g (float[N,12,32] x) => (float[N,12,32] y) <float[32,32] wq, float[32,32] wk, float[32,32] wv, float[32,32] wo, "
      "float[32,64] w1, float[64,32] w2, float[32] s, float[32] b, int64[4] heads = {0,12,4,8}, int64[3] flat = {0,12,32}, "
      "float sqrt = {2.83}> {"
      " q = MatMul(x, wq) k = MatMul(x, wk) v = MatMul(x, wv) q1 = Reshape(q, heads) k1 = Reshape(k, heads) "
      " v1 = Reshape(v, heads) q2 = Transpose <perm = [0,2,1,3]> (q1) k2 = Transpose <perm = [0,2,3,1]> (k1)"
      " v2 = Transpose <perm = [0,2,1,3]> (v1) a = MatMul(q2, k2) a1 = Div(a, sqrt) a2 = Softmax <axis = -1> (a1)"
      " c = MatMul(a2, v2) c1 = Transpose <perm = [0,2,1,3]> (c) c2 = Reshape(c1, flat) o = MatMul(c2, wo) r = Add(o, x)"
      " n = LayerNormalization(r, s, b) h = MatMul(n, w1) g1 = Relu(h) h2 = MatMul(g1, w2) y = Add(h2, n) }");
}

std::set<ir::ValueId> results_of_nodes(const ir::Graph& graph) {
  std::set<ir::ValueId> values;
  for (const ir::NodeId id : graph.nodes())
    for (const ir::ValueId v : graph.node(id).outputs)
      if (graph.value(v).type.dtype == DType::Float) values.insert(v);
  return values;
}

/// What operators with weights make: what a search changes.
std::set<ir::ValueId> results_of_anchors(const ir::Graph& graph) {
  std::set<ir::ValueId> values;
  for (const ir::ValueId v : results_of_nodes(graph)) {
    const std::string& op = graph.producer(v)->op;
    if (op.ends_with("Conv") || op.ends_with("MatMul") || op.ends_with("Gemm")) values.insert(v);
  }
  return values;
}

struct Traced {
  Traced(const runtime::Executable& executable, const std::vector<ir::Tensor>& inputs,
         const std::set<ir::ValueId>& replaceable) {
    std::mutex mutex;
    runtime::TapSink tap{replaceable, [&](ir::ValueId id, const ir::Tensor& tensor) {
                           const std::lock_guard lock(mutex);
                           seen.emplace(id, tensor);
                         }};
    trace = executable.trace(inputs, replaceable, tap);
  }
  std::unique_ptr<const runtime::Trace> trace;
  Values seen;
};

bool same(const std::vector<ir::Tensor>& a, const std::vector<ir::Tensor>& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = ir::identical(a[i], b[i]);
  return equal;
}

std::vector<ir::Tensor> inputs_for(const ir::Graph& graph, std::uint64_t seed, std::int64_t batch = 2) {
  Rng rng(seed);
  return testing::random_inputs(graph, rng, batch);
}

std::unique_ptr<const runtime::Adaptor> adaptor(bool engine) {
  return engine ? onednn::make_adaptor() : reference::make_adaptor();
}

struct Case {
  bool engine, attention, all;
};

class TraceTest : public ::testing::TestWithParam<Case> {
 protected:
  ir::Graph graph = GetParam().attention ? attention_network() : residual_network();
  std::unique_ptr<const runtime::Executable> executable = adaptor(GetParam().engine)->prepare(graph);
  std::set<ir::ValueId> replaceable = GetParam().all ? results_of_nodes(graph) : results_of_anchors(graph);
  ~TraceTest() override { set_threads(0); }
};

TEST_P(TraceTest, MakesTheOutputsOfAnOrdinaryRun) {
  const auto inputs = inputs_for(graph, 1);
  const Traced traced(*executable, inputs, replaceable);
  const auto expected = executable->run(inputs);
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(testing::agree(traced.trace->outputs()[i], expected[i], testing::Nmse{1e-11}));
  EXPECT_GT(traced.trace->bytes(), 0u);
}

TEST_P(TraceTest, ChangesNothingWhereAValueStaysTheSame) {
  const Traced traced(*executable, inputs_for(graph, 1), replaceable);
  for (const auto& [value, tensor] : traced.seen)
    EXPECT_TRUE(same(traced.trace->rerun({{value, tensor}}), traced.trace->outputs())) << graph.value(value).name;
}

TEST_P(TraceTest, TakesUpAnotherRunWhereverTheGraphIsCut) {
  const auto inputs = inputs_for(graph, 1);
  auto others = inputs_for(graph, 2);
  const Traced one(*executable, inputs, replaceable), other(*executable, others, replaceable);
  int cuts = 0;
  std::set<ir::ValueId> behind_cut, made;
  const auto order = graph.topological_order();
  for (std::size_t k = 1; k <= order.size(); ++k) {
    const std::set<ir::NodeId> later(order.begin() + static_cast<std::ptrdiff_t>(k), order.end());
    std::set<ir::ValueId> cut;
    bool possible = true;
    for (const ir::ValueId v : graph.values()) {
      const ir::Value& value = graph.value(v);
      if (value.constant || (value.producer && later.contains(*value.producer))) continue;
      const bool read = graph.is_output(v) || std::any_of(value.consumers.begin(), value.consumers.end(),
                                                          [&](ir::NodeId id) { return later.contains(id); });
      if (!read) continue;
      cut.insert(v);
      possible = possible && replaceable.contains(v);
    }
    if (!possible) continue;
    ++cuts;
    Values replaced;
    for (const ir::ValueId v : cut) replaced.emplace(v, other.seen.at(v));
    EXPECT_TRUE(same(one.trace->rerun(replaced), other.trace->outputs())) << "behind " << k << " nodes";
  }
  EXPECT_GE(cuts, GetParam().attention && !GetParam().all ? 0 : 1);
}

TEST_P(TraceTest, AgreesWithTheOracle) {
  const auto inputs = inputs_for(graph, 1);
  const auto oracle = adaptor(false)->prepare(graph);
  const Traced found(*executable, inputs, replaceable), expected(*oracle, inputs, replaceable);
  Rng rng(9);
  for (const ir::ValueId v : replaceable) {
    const auto tensor = testing::random_tensor(DType::Float, expected.seen.at(v).shape(), rng);
    const auto a = found.trace->rerun({{v, tensor}}), b = expected.trace->rerun({{v, tensor}});
    for (std::size_t i = 0; i < b.size(); ++i)
      EXPECT_TRUE(testing::agree(a[i], b[i], testing::Nmse{1e-10})) << graph.value(v).name;
    EXPECT_NEAR(found.trace->share(v), expected.trace->share(v), 1e-12) << graph.value(v).name;
  }
}

TEST_P(TraceTest, RunsAreIndependentOfEachOtherAndOfTheExecutable) {
  Traced one(*executable, inputs_for(graph, 1), replaceable);
  const Traced other(*executable, inputs_for(graph, 2), replaceable);
  const auto outputs = one.trace->outputs();
  Values changed;
  for (const auto& [value, tensor] : other.seen) one.trace->rerun({{value, tensor}});
  executable->rest();
  executable.reset();
  for (const auto& [value, tensor] : one.seen)
    EXPECT_TRUE(same(one.trace->rerun({{value, tensor}}), outputs)) << graph.value(value).name;
}

TEST_P(TraceTest, DoesNotDependOnTheNumberOfThreads) {
  const auto inputs = inputs_for(graph, 1), others = inputs_for(graph, 2);
  set_threads(1);
  const Traced one(*executable, inputs, replaceable), source(*executable, others, replaceable);
  std::vector<std::vector<ir::Tensor>> expected;
  for (const auto& [value, tensor] : source.seen) expected.push_back(one.trace->rerun({{value, tensor}}));
  set_threads(2);
  const Traced two(*executable, inputs, replaceable);
  std::size_t i = 0;
  for (const auto& [value, tensor] : source.seen)
    EXPECT_TRUE(same(two.trace->rerun({{value, tensor}}), expected[i++])) << graph.value(value).name;
}

TEST_P(TraceTest, RefusesWhatCannotBeReplaced) {
  const Traced traced(*executable, inputs_for(graph, 1), replaceable);
  const auto& [value, tensor] = *traced.seen.begin();
  EXPECT_THROW(traced.trace->rerun({{graph.inputs()[0], tensor}}), DataError);
  EXPECT_THROW(traced.trace->rerun({{value, ir::Tensor(DType::Float, {7})}}), DataError);
}

INSTANTIATE_TEST_SUITE_P(All, TraceTest,
                         ::testing::Values(Case{true, false, false}, Case{true, true, false}, Case{true, false, true},
                                           Case{true, true, true}, Case{false, false, true}, Case{false, true, true}),
                         [](const auto& item) {
                           return std::string(item.param.engine ? "Engine" : "Reference") +
                                  (item.param.attention ? "Attention" : "Residual") + (item.param.all ? "All" : "Anchors");
                         });

class TraceOperatorTest : public ::testing::TestWithParam<testing::OperatorCase> {};

TEST_P(TraceOperatorTest, AgreesWithTheOracle) {
  const auto& c = GetParam();
  ir::Graph graph = testing::import(c);
  passes::fusion_pipeline().run(graph);
  const auto inputs = inputs_for(graph, 3);
  const auto replaceable = results_of_nodes(graph);
  const auto engine = adaptor(true)->prepare(graph), oracle = adaptor(false)->prepare(graph);
  const Traced found(*engine, inputs, replaceable), expected(*oracle, inputs, replaceable);
  const Traced other(*oracle, inputs_for(graph, 4), replaceable);
  if (found.trace == nullptr) GTEST_SKIP() << "runs node by node";
  for (const ir::ValueId v : replaceable) {
    if (!found.seen.contains(v)) continue;
    EXPECT_TRUE(same(found.trace->rerun({{v, found.seen.at(v)}}), found.trace->outputs())) << graph.value(v).name;
    const Values replaced{{v, other.seen.at(v)}};
    const auto a = found.trace->rerun(replaced), b = expected.trace->rerun(replaced);
    for (std::size_t i = 0; i < b.size(); ++i) EXPECT_TRUE(testing::agree(a[i], b[i], c.tolerance)) << graph.value(v).name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TraceOperatorTest, ::testing::ValuesIn(testing::kOperators),
                         [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace inc
