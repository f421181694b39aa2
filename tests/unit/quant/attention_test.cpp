#include "core/quant/attention.h"

#include <gtest/gtest.h>

#include "core/quant/accepts.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

/// x → projections → (scores → scale → mask → softmax → context) → projection.
struct Net : Builder {
  ir::ValueId x = input("x", {1, 6, 8}), q = project("q", x), k = project("k", x), v = project("v", x);
  ir::ValueId turned = node("Transpose", "turned", {k}, {1, 8, 6}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  ir::ValueId scores = node("MatMul", "scores", {q, turned}, {1, 6, 6});
  ir::ValueId scaled = node("Mul", "scaled", {scores, weight("scale", {1})}, {1, 6, 6});
  ir::ValueId masked = node("Add", "masked", {weight("mask", {1, 1, 6}), scaled}, {1, 6, 6});
  ir::ValueId shares = node("Softmax", "shares", {masked}, {1, 6, 6});
  ir::ValueId context = node("MatMul", "context", {shares, v}, {1, 6, 8});

  ir::ValueId project(const std::string& name, ir::ValueId from) {
    return node("MatMul", name, {from, weight(name + "_w", {8, 8}, name.size())}, {1, 6, 8});
  }
  const ir::Node& made(ir::ValueId value) const { return graph.node(id(value)); }
};

RangeTable ranges_of(const ir::Graph& graph) {
  RangeTable table;
  std::set<ir::NodeId> contexts;
  for (const Attention& attention : attentions(graph)) contexts.insert(attention.context);
  for (const Watched& w : values_to_calibrate(graph, Placement::Anchors, contexts))
    table.tensor[{w.value, RangeMethod::MinMax}] = {-1, 1};
  return table;
}

TEST(Attention, ReachesFromTheScoresToTheContext) {
  Net net;
  net.output(net.project("last", net.context));
  const auto found = attentions(net.graph);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].scores, net.id(net.scores));
  EXPECT_EQ(found[0].softmax, net.id(net.shares));
  EXPECT_EQ(found[0].context, net.id(net.context));
  EXPECT_EQ(found[0].nodes, (std::set<ir::NodeId>{net.id(net.scores), net.id(net.scaled), net.id(net.masked),
                                                  net.id(net.shares), net.id(net.context)}));
  EXPECT_FALSE(attention_at(net.graph, net.made(net.scores)));
  EXPECT_FALSE(attention_at(net.graph, net.made(net.q)));
}

TEST(Attention, IsNoneWhereSomebodyElseReadsItsInside) {
  for (const bool probabilities : {false, true}) {
    Net net;
    net.output(net.context);
    net.output(probabilities ? net.shares : net.scaled);
    EXPECT_TRUE(attentions(net.graph).empty());
  }
}

TEST(Attention, IsNoneWithoutASoftmaxOrWithConstantOperands) {
  Net net;
  const auto plain = net.node("MatMul", "plain", {net.masked, net.v}, {1, 6, 8});
  const auto soft = net.node("Softmax", "soft", {net.q}, {1, 6, 8});
  const auto fixed = net.node("MatMul", "fixed", {soft, net.weight("values", {8, 8})}, {1, 6, 8});
  net.output(plain), net.output(fixed);
  EXPECT_FALSE(attention_at(net.graph, net.made(plain)));
  EXPECT_FALSE(attention_at(net.graph, net.made(fixed)));
}

TEST(Attention, IsQuantizedAsAWholeWhereItsContextIs) {
  Net net;
  net.output(net.project("last", net.context));
  QuantConfig config = all_int8(net.graph);
  WeightCache cache;
  const ir::Graph without = insert_qdq(net.graph, config, ranges_of(net.graph), cache);
  config.ops.emplace(net.id(net.context), OpConfig{Precision::Int8});
  const ir::Graph with = insert_qdq(net.graph, config, ranges_of(net.graph), cache);
  with.verify();
  const auto reads = [&](const ir::Graph& graph, ir::ValueId of, std::size_t index) {
    return graph.value(graph.node(net.id(of)).inputs[index]).name;
  };
  EXPECT_EQ(reads(without, net.scores, 0), "q");
  EXPECT_EQ(reads(with, net.scores, 0), "q_dequantized");
  EXPECT_EQ(reads(with, net.scores, 1), "turned_dequantized");
  EXPECT_EQ(reads(with, net.context, 0), "shares");
  EXPECT_EQ(reads(with, net.context, 1), "v_dequantized");
  EXPECT_EQ(reads(with, net.turned, 0), "k_dequantized") << "INT8 passes through what moves the key";
  EXPECT_EQ(reads(with, net.shares, 0), "masked");
}

TEST(Attention, IsWatchedWhereItIsNamed) {
  Net net;
  net.output(net.context);
  const auto all = values_to_calibrate(net.graph, Placement::Anchors, {net.id(net.context)});
  EXPECT_EQ(all, (std::vector<Watched>{{net.x, 2}, {net.q, -1}, {net.v, -1}, {net.turned, -1}}));
  EXPECT_EQ(values_to_calibrate(net.graph), (std::vector<Watched>{{net.x, 2}}));
}

TEST(Attention, TakesStaticRangesPerTensorAndNoFactors) {
  Net net;
  net.output(net.context);
  const ir::Node& context = net.made(net.context);
  OpConfig config = default_op_config(net.graph, context);
  EXPECT_TRUE(accepts(net.graph, context, config));
  config.activation.dtype = DType::Int8;
  EXPECT_TRUE(accepts(net.graph, context, config));
  config.dynamic = true;
  EXPECT_EQ(accepts(net.graph, context, config).why_not(), "attention takes the ranges of calibration");
  config.dynamic = false;
  config.smoothing = Smoothing::SmoothQuant;
  EXPECT_EQ(accepts(net.graph, context, config).why_not(), "attention has no weights that could take factors");
  EXPECT_EQ(accepts(net.graph, net.made(net.scores), OpConfig{Precision::Int8}).why_not(), "weight is not constant");
}

}  // namespace
}  // namespace inc::quant
