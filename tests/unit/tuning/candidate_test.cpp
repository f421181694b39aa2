#include "core/tuning/candidate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "adaptors/reference/adaptor.h"

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

}  // namespace
}  // namespace inc::tuning
