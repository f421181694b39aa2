#include "core/quant/reorder_channels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/ops/ops.h"
#include "core/quant/channel_groups.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

/// Every other weight along `axis` is large, so that neighbours are large and of one sign in places.
ir::Tensor uneven(const ir::Shape& shape, std::size_t axis, std::uint64_t seed) {
  ir::Tensor t = random_tensor(shape, seed);
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  for (std::int64_t i = 0; i < t.count(); ++i) {
    const std::int64_t c = i / inner % shape[axis];
    float& v = t.mutable_data<float>()[i];
    v = c / 2 % 2 == 0 ? std::abs(v) + 1 : v * 0.1f;
  }
  return t;
}

struct Net : Builder {
  ir::ValueId conv(const std::string& name, ir::ValueId x, std::int64_t in, std::int64_t out, ir::ValueId residual = {},
                   std::int64_t kernel = 1) {
    const ir::Shape shape{2, out, 4, 4};
    const auto w = graph.add_constant(name + "_w", uneven({out, in, kernel, kernel}, 1, graph.values().size()));
    const auto pad = std::vector<std::int64_t>(4, kernel / 2);
    return node("inc.Conv", name, {x, w, weight(name + "_b", {out}, 7), residual}, shape,
                {{"activation", std::string("relu")}, {"pads", pad}});
  }
  ir::ValueId depthwise(const std::string& name, ir::ValueId x, std::int64_t channels) {
    return node("Conv", name, {x, weight(name + "_w", {channels, 1, 3, 3}, 5), weight(name + "_b", {channels}, 6)},
                {2, channels, 4, 4}, {{"group", channels}, {"pads", std::vector<std::int64_t>(4, 1)}});
  }
};

std::vector<std::vector<float>> run(const ir::Graph& graph) {
  std::map<ir::ValueId, ir::Tensor> values;
  for (const ir::ValueId v : graph.values())
    if (const auto* t = graph.constant(v)) values[v] = *t;
  for (const ir::ValueId v : graph.inputs()) values[v] = random_tensor(*graph.value(v).type.concrete(), 99);
  for (const ir::NodeId id : graph.topological_order()) {
    const ir::Node& node = graph.node(id);
    std::vector<ir::Tensor> inputs;
    for (const ir::ValueId v : node.inputs) inputs.push_back(v.none() ? ir::Tensor() : values.at(v));
    values[node.outputs[0]] = ops::evaluate(node, inputs, graph.opset)[0];
  }
  std::vector<std::vector<float>> out;
  for (const ir::ValueId v : graph.outputs()) out.push_back(values.at(v).to_floats());
  return out;
}

ReorderReport reordered(ir::Graph graph) {
  const auto before = run(graph);
  const ReorderReport report = reorder_channels(graph);
  graph.verify();
  const auto after = run(graph);
  constexpr float kOrderOfSums = 4 * 0x1p-24f;
  for (std::size_t i = 0; i < before.size(); ++i)
    for (std::size_t k = 0; k < before[i].size(); ++k)
      EXPECT_NEAR(after.at(i)[k], before[i][k], kOrderOfSums * (1 + std::abs(before[i][k]))) << i << " " << k;
  return report;
}

TEST(ReorderChannels, LetsLargeWeightsMeetSmallOnes) {
  Net n;
  const auto a = n.conv("a", n.input("x", {2, 1, 4, 4}), 1, 12);
  n.output(n.conv("b", a, 12, 8));
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.groups, 1);
  EXPECT_EQ(report.moved, 1);
  EXPECT_GT(report.growth_before, 1.25);
  EXPECT_LT(report.growth_after, 1.1);
}

TEST(ReorderChannels, MovesResidualBranchesTogether) {
  Net n;
  const auto a = n.conv("a", n.input("x", {2, 3, 4, 4}), 3, 12);
  const auto b = n.conv("b", a, 12, 12, {}, 3);
  const auto c = n.conv("c", b, 12, 12, a);
  const auto sum = n.node("Add", "sum", {c, a}, {2, 12, 4, 4});
  n.output(n.conv("d", sum, 12, 6));
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.groups, 2);
  EXPECT_EQ(report.moved, 2);
}

TEST(ReorderChannels, GoesThroughDepthwisePoolingConcatAndFlatten) {
  Net n;
  const auto a = n.conv("a", n.input("x", {2, 3, 4, 4}), 3, 12), b = n.conv("b", n.graph.inputs()[0], 3, 5);
  const auto d = n.depthwise("d", a, 12);
  const auto scaled = n.node("Mul", "m", {d, n.weight("by", {12, 1, 1}, 8)}, {2, 12, 4, 4});
  const auto both = n.node("Concat", "both", {scaled, b}, {2, 17, 4, 4}, {{"axis", std::int64_t{1}}});
  const auto c = n.conv("c", both, 17, 8);
  const auto gates = n.node("Sigmoid", "gates", {n.node("GlobalAveragePool", "p", {c}, {2, 8, 1, 1})}, {2, 8, 1, 1});
  const auto gated = n.node("Mul", "gated", {c, gates}, {2, 8, 4, 4});
  const auto mean = n.node("ReduceMean", "mean", {gated}, {2, 8},
                           {{"axes", std::vector<std::int64_t>{2, 3}}, {"keepdims", std::int64_t{0}}});
  const auto flat = n.node("Flatten", "flat", {mean}, {2, 8});
  const auto w = n.graph.add_constant("gw", uneven({6, 8}, 1, 4));
  n.output(n.node("Gemm", "g", {flat, w, n.weight("gb", {6})}, {2, 6}, {{"transB", std::int64_t{1}}}));
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.groups, 3);
  EXPECT_EQ(report.moved, 3);
}

TEST(ReorderChannels, MovesTheInnerChannelsOfDenseLayers) {
  Net n;
  const auto x = n.input("x", {2, 5, 6});
  const auto up = n.node("inc.MatMul", "up", {x, n.weight("uw", {6, 10}), n.weight("ub", {10})}, {2, 5, 10},
                         {{"activation", std::string("gelu")}});
  const auto norm = n.node("LayerNormalization", "norm", {up, n.weight("s", {10}, 3), n.weight("t", {10}, 4)}, {2, 5, 10});
  n.output(n.node("MatMul", "down", {norm, n.graph.add_constant("dw", uneven({10, 6}, 0, 2))}, {2, 5, 6}));
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.moved, 1);
  EXPECT_LT(report.growth_after, report.growth_before);
}

TEST(ReorderChannels, LeavesWhatOthersSee) {
  Net n;
  const auto a = n.conv("a", n.input("x", {2, 3, 4, 4}), 3, 12);
  n.output(n.conv("b", a, 12, 8));
  n.output(a);
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.groups, 0);
  EXPECT_EQ(report.kept, std::vector<std::string>{"'a' is an output of the graph"});
  EXPECT_EQ(report.growth_after, report.growth_before);
}

TEST(ReorderChannels, LeavesChannelsThatAreMixed) {
  Net n;
  const auto a = n.conv("a", n.input("x", {2, 3, 4, 4}), 3, 12);
  const auto heads =
      n.node("Reshape", "heads", {a, n.graph.add_constant("to", ir::Tensor::of<std::int64_t>({5}, {2, 3, 4, 4, 4}))},
             {2, 3, 4, 4, 4});
  n.output(n.node("Neg", "neg", {heads}, {2, 3, 4, 4, 4}));
  n.output(n.conv("b", a, 12, 8));
  const auto c = n.conv("c", n.graph.inputs()[0], 3, 12);
  const auto grouped =
      n.node("Conv", "grouped", {c, n.weight("gw", {12, 4, 1, 1})}, {2, 12, 4, 4}, {{"group", std::int64_t{3}}});
  n.output(n.conv("d", grouped, 12, 8));
  n.output(n.conv("e", c, 12, 8));
  const ReorderReport report = reordered(n.graph);
  EXPECT_EQ(report.moved, 0);
  EXPECT_EQ(report.kept, (std::vector<std::string>{"'heads_node' (Reshape) reads it", "'grouped_node' (Conv) reads it"}));
}

TEST(ReorderChannels, KeepsAnOrderThatNeedsNoGrowth) {
  Builder b;
  const auto x = b.input("x", {1, 4});
  const auto a = b.node("MatMul", "a", {x, b.weight("aw", {4, 4})}, {1, 4});
  const auto w = b.graph.add_constant("bw", ir::Tensor::of<float>({4, 1}, {1.0f, 0.0f, 1.0f, 0.0f}));
  b.output(b.node("MatMul", "b", {a, w}, {1, 1}));
  const ir::Graph before = b.graph;
  ir::Graph graph = b.graph;
  EXPECT_EQ(reorder_channels(graph).moved, 0);
  EXPECT_EQ(nodes_of(graph), nodes_of(before));
}

}  // namespace
}  // namespace inc::quant
