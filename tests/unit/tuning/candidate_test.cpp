#include "core/tuning/candidate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "adaptors/reference/adaptor.h"
#include "core/base/rng.h"
#include "core/calib/calibrator.h"
#include "tests/support/random.h"

namespace inc::tuning {
namespace {

/// One MatMul.
struct CandidateBench {
  CandidateBench() {
    const auto type = ir::TensorType::of(DType::Float, {1, 2});
    const ir::ValueId x = graph.add_input("x", type);
    const auto weight = graph.add_constant("w", ir::Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
    graph.add_output(graph.add_node({"MatMul", {x, weight}, {}, "mul", {type}, {"y"}})[0]);
    ranges.tensor[{x, quant::RangeMethod::MinMax}] = {0, 1};
    space = build_space(graph, *adaptor, {});
    fp32 = adaptor->prepare(graph);
  }
  std::unique_ptr<const runtime::Adaptor> adaptor = reference::make_adaptor();
  ir::Graph graph;
  quant::RangeTable ranges;
  TuningSpace space;
  std::unique_ptr<const runtime::Executable> fp32;
};

bool has(const Candidate& candidate, const std::string& op) {
  const ir::Graph& graph = candidate.graph;
  const auto nodes = graph.topological_order();
  return std::any_of(nodes.begin(), nodes.end(), [&](ir::NodeId id) { return graph.node(id).op == op; });
}

TEST(CandidateBuilder, BuildsEachPointAsItIsAndKeepsTheLast) {
  const CandidateBench bench;
  CandidateBuilder candidates(bench.graph, bench.ranges, bench.space, *bench.adaptor, *bench.fp32);
  const search::Point int8 = bench.space.shape.fastest(), fp32 = bench.space.shape.fp32();
  ASSERT_NE(int8, fp32);
  EXPECT_TRUE(has(candidates.build(int8), "QuantizeLinear"));
  const Candidate* last = &candidates.build(int8);
  EXPECT_EQ(&candidates.build(int8), last);
  EXPECT_FALSE(has(candidates.build(fp32), "QuantizeLinear"));
  EXPECT_TRUE(has(candidates.build(int8), "QuantizeLinear"));
}

class Positive final : public eval::Dataset {
 public:
  std::int64_t size() const override { return 32; }
  eval::Sample get(std::int64_t index) const override {
    Rng rng(static_cast<std::uint64_t>(index));
    return {{testing::random_tensor(DType::Float, {8}, rng, 0, 1)}, {}};
  }
  bool labelled() const override { return false; }
  std::string describe() const override { return "positive"; }
};

/// Ones on the diagonal, and what rounds to zero elsewhere: every mean moves.
ir::Tensor lopsided() {
  ir::Tensor t(DType::Float, {8, 8});
  for (std::int64_t i = 0; i < 64; ++i) t.mutable_data<float>()[i] = i % 9 == 0 ? 1.0f : 0.003f;
  return t;
}

TEST(CandidateBuilder, CorrectsWhatThePointMakesWrong) {
  ir::Graph graph;
  graph.opset = 13;
  const auto type = ir::TensorType::of(DType::Float, {1, 8});
  ir::ValueId x = graph.add_input("x", type);
  std::vector<ir::NodeId> nodes;
  for (const char* name : {"a", "b"}) {
    x = graph.add_node({"MatMul", {x, graph.add_constant(std::string("w") + name, lopsided())}, {}, name, {type}, {name}})[0];
    nodes.push_back(graph.producer(x)->id);
  }
  graph.add_output(x);
  const auto adaptor = reference::make_adaptor();
  const auto fp32 = adaptor->prepare(graph);
  const Positive data;
  const quant::RangeTable ranges = calib::calibrate(graph, *fp32, data, {});
  const TuningSpace space = build_space(graph, *adaptor, {});
  CandidateBuilder candidates(graph, ranges, space, *adaptor, *fp32, {}, {}, CorrectionSource{data, {}});
  const auto both = candidates.correction({0, 0}).shift, behind = candidates.correction({1, 0}).shift;
  ASSERT_EQ(both.size(), 2u);
  ASSERT_EQ(behind.size(), 1u);
  ASSERT_EQ(candidates.correction({0, 1}).shift.size(), 1u);
  EXPECT_EQ(candidates.correction({0, 1}).shift.at(nodes[0]), both.at(nodes[0])) << "nothing before it has changed";
  EXPECT_NE(behind.at(nodes[1]), both.at(nodes[1])) << "nothing before it rounds any more";
  EXPECT_TRUE(candidates.correction({1, 1}).shift.empty());
}

}  // namespace
}  // namespace inc::tuning
