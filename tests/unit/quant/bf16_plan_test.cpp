#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/quant/bf16_nets.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

constexpr const char* kChain = R"(g (float[4,4] x) => (float[4,4] y) <float[4,4] w, float[4,4] v> {
  a = MatMul(x, w)  b = Relu(a)  c = Tanh(b)  y = MatMul(c, v) })";

TEST(Bf16Plan, InferredOperatorsBetweenBf16Join) {
  Bf16Net net(kChain);
  EXPECT_EQ(net.bf16(), "a b c y");
  EXPECT_EQ(net.plan().casts, 2u);
}

TEST(Bf16Plan, DeniedNodesStayFp32WhateverTheirOperatorMay) {
  Bf16Net net(kChain);
  const auto maker = [&](const char* value) { return *net.graph.value(*net.graph.find_value(value)).producer; };
  net.policies.deny({maker("a"), maker("c")});
  EXPECT_EQ(net.bf16(), "y");
  EXPECT_EQ(net.why_not("a"), "kept in FP32 by the configuration");
  EXPECT_EQ(net.why_not("c"), "kept in FP32 by the configuration");
}

TEST(Bf16Plan, InferredOperatorsAtTheRimStayFp32) {
  Bf16Net net(R"(g (float[4,4] x) => (float[4,4] y) <float[4,4] w, float[4] s> {
    a = Mul(x, s)  b = MatMul(a, w)  c = Add(b, s)  y = Sigmoid(c) })");
  EXPECT_EQ(net.bf16(), "b");
  EXPECT_EQ(net.why_not("c"), "BF16 here would save no cast");
}

TEST(Bf16Plan, MovementAtTheRimTakesTheSmallerType) {
  Bf16Net net(R"(g (float[4,4] x) => (float[4,4] y) <float[4,4] w> {
    a = Transpose<perm = [1, 0]>(x)  b = MatMul(a, w)  c = Transpose<perm = [1, 0]>(b)  y = LogSoftmax(c) })");
  EXPECT_EQ(net.bf16(), "a b c");
  EXPECT_EQ(net.plan().casts, 2u);
}

TEST(Bf16Plan, PoolingIsCastWhereFewerElementsAre) {
  Bf16Net net(R"(g (float[1,4,8,8] x) => (float[1,4,3,3] y) <float[4,4,1,1] w> {
    a = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)  b = Conv(a, w)
    c = MaxPool<kernel_shape = [2, 2]>(b)  y = LogSoftmax(c) })");
  EXPECT_EQ(net.bf16(), "b c");
}

TEST(Bf16Plan, DeniedOperatorsStayFp32) {
  Bf16Net net(R"(g (float[4,4] x) => (float[4,4] y) <float[4,4] w, float[4,4] v> {
    a = MatMul(x, w)  b = LogSoftmax(a)  y = MatMul(b, v) })");
  EXPECT_EQ(net.bf16(), "a y");
  EXPECT_EQ(net.why_not("b"), "LogSoftmax is on the deny list");
  EXPECT_EQ(net.plan().casts, 4u);
}

TEST(Bf16Plan, UnwantedOperatorsStayFp32) {
  Bf16Net net(kChain);
  const ir::NodeId first = *net.graph.value(*net.graph.find_value("a")).producer;
  const Bf16Plan plan = plan_bf16(net.graph, {first}, net.policies, {}, net.constants);
  const ir::NodeId relu = *net.graph.value(*net.graph.find_value("b")).producer;
  EXPECT_EQ(plan.nodes, (std::set<ir::NodeId>{first, relu}));
  EXPECT_EQ(plan.why_not.at(*net.graph.value(*net.graph.find_value("y")).producer), "not chosen for BF16");
}

TEST(Bf16Plan, NothingWantedMeansNothing) {
  Bf16Net net(kChain);
  const Bf16Plan plan = plan_bf16(net.graph, {}, net.policies, {}, net.constants);
  EXPECT_TRUE(plan.nodes.empty());
  EXPECT_EQ(plan.casts, 0u);
}

TEST(Bf16Plan, ListsDecide) {
  Bf16Net net(kChain);
  net.policies.change({.deny_add = {"Tanh"}});
  EXPECT_EQ(net.bf16(), "a b y");
  net.policies.change({.allow_add = {"Tanh"}, .allow_remove = {"MatMul"}});
  EXPECT_EQ(net.bf16(), "b c");
}

TEST(Bf16Plan, EmbeddingTablesFollow) {
  Bf16Net net(R"(g (int64[4] ids) => (float[4,4] y) <float[9,4] table, float[4,4] w> {
    a = Gather(table, ids)  b = Add(a, w)  y = MatMul(b, w) })");
  EXPECT_EQ(net.bf16(), "a b y");
  EXPECT_EQ(net.plan().casts, 1u);
}

TEST(Bf16Plan, Int8AnchorsStayAndTheirNeighboursMayBeBf16) {
  Builder b;
  const auto x = b.input("x", {1, 4, 4, 4});
  const auto first = b.node("Conv", "first", {x, b.weight("w1", {4, 4, 1, 1})}, {1, 4, 4, 4});
  const auto second = b.node("Conv", "second", {first, b.weight("w2", {4, 4, 1, 1})}, {1, 4, 4, 4});
  const auto third = b.node("Conv", "third", {second, b.weight("w3", {4, 4, 1, 1})}, {1, 4, 4, 4});
  b.output(third);
  QuantConfig config = all_int8(b.graph);
  config.ops[b.id(second)].precision = Precision::Bf16;
  WeightCache weights;
  Bf16Net net(insert_qdq(b.graph, config, unit_ranges(b.graph), weights));
  const Bf16Plan plan = plan_bf16(net.graph, bf16_wanted(net.graph, config, net.policies), net.policies, {}, net.constants);
  EXPECT_EQ(plan.nodes, std::set<ir::NodeId>{b.id(second)});
  EXPECT_EQ(plan.why_not.at(b.id(first)), "is INT8");
  const ir::Graph cast = cast_bf16(net.graph, plan, net.constants);
  cast.verify();
  const ir::Node& node = cast.node(b.id(second));
  EXPECT_EQ(cast.value(node.outputs[0]).type.dtype, DType::BFloat16);
  EXPECT_EQ(cast.producer(node.inputs[0])->op, "Cast");
  const auto readers = cast.value(node.outputs[0]).consumers;
  ASSERT_EQ(readers.size(), 1u);
  EXPECT_EQ(cast.node(readers[0]).op, "Cast");
  EXPECT_EQ(cast.node(cast.value(cast.node(readers[0]).outputs[0]).consumers.at(0)).op, "QuantizeLinear");
  EXPECT_EQ(count_casts(cast), 2u);
}

TEST(Bf16Range, RefusesConstantsThatBecomeInfinite) {
  Bf16Net net(R"(g (float[2,2] x) => (float[2,2] y) <float[2,2] w, float m = {-3.4028234e38}> {
    a = MatMul(x, w)  b = Max(a, m)  y = MatMul(b, w) })");
  EXPECT_EQ(net.bf16(), "a y");
  EXPECT_NE(net.why_not("b").find("beyond BF16's largest number"), std::string::npos) << net.why_not("b");
}

TEST(Bf16Range, AcceptsMasks) {
  Builder b;
  const auto x = b.input("x", {2, 2});
  const auto a = b.node("MatMul", "a", {x, b.weight("w", {2, 2})}, {2, 2});
  const float infinite = std::numeric_limits<float>::infinity();
  const auto mask = b.graph.add_constant("mask", ir::Tensor::of<float>({2, 2}, {0, -infinite, -1e9f, -1e4f}));
  const auto c = b.node("Add", "c", {a, mask}, {2, 2});
  const auto two = b.graph.add_constant("two", ir::Tensor::of<float>({2}, {0, -1e4f}));
  const auto d = b.node("Add", "d", {c, two}, {2, 2});
  b.output(b.node("MatMul", "y", {d, b.weight("v", {2, 2})}, {2, 2}));
  EXPECT_EQ(Bf16Net(b.graph).bf16(), "a c d y");
}

TEST(Bf16Range, RefusesTablesOfIntegersThatLoseDigits) {
  Bf16Net exact(R"(g (float[1,3] x) => (float[1,3] y) <float[3,3] w, float[3] t = {0, 256, 512}> {
    a = MatMul(x, w)  b = Add(a, t)  y = MatMul(b, w) })");
  EXPECT_EQ(exact.bf16(), "a b y");
  Bf16Net lossy(R"(g (float[1,3] x) => (float[1,3] y) <float[3,3] w, float[3] t = {0, 257, 512}> {
    a = MatMul(x, w)  b = Add(a, t)  y = MatMul(b, w) })");
  EXPECT_EQ(lossy.bf16(), "a y");
  EXPECT_NE(lossy.why_not("b").find("constant 't' holds integers beyond 256"), std::string::npos) << lossy.why_not("b");
}

TEST(Bf16Range, RefusesIntegersOfUnknownSize) {
  constexpr const char* text = R"(g (int64[4,4] n) => (float[4,4] y) <float[4,4] w> {
    f = Cast<to = 1>(n)  g = Add(f, f)  y = MatMul(g, w) })";
  Bf16Net net(text);
  EXPECT_EQ(net.bf16(), "");
  EXPECT_EQ(net.why_not("y"), "reads integers that may exceed 256: 'g'");
  net.range("g", 0, 200);
  EXPECT_EQ(net.bf16(), "y");
  net.range("g", 0, 300);
  EXPECT_EQ(net.bf16(), "");
}

TEST(Bf16Range, AcceptsBytesAndScaledIntegers) {
  EXPECT_EQ(Bf16Net(R"(g (uint8[4,4] n) => (float[4,4] y) <float[4,4] w> { f = Cast<to = 1>(n)  y = MatMul(f, w) })").bf16(),
            "y");
  EXPECT_EQ(Bf16Net(R"(g (int32[4,4] n) => (float[4,4] y) <float[4,4] w> {
    f = Cast<to = 1>(n)  s = Mul(f, w)  y = MatMul(s, w) })")
                .bf16(),
            "y");
}

TEST(Bf16Range, KeepsDigitsWhereTheyCount) {
  Bf16Net positions(R"(g (float[4,4] x) => (float[4,4] y, int64[4,4] n) <float[4,4] w> {
    a = MatMul(x, w)  b = MatMul(x, w)  s = Add(a, b)  t = Add(s, b)  y = LogSoftmax(t)  n = Cast<to = 7>(s) })");
  EXPECT_EQ(positions.bf16(), "a b");
  EXPECT_NE(positions.why_not("s").find("turned into integers by"), std::string::npos) << positions.why_not("s");
  Bf16Net ranks(R"(g (float[4,4] x) => (int64[4,1] y) <float[4,4] w> {
    a = MatMul(x, w)  b = Transpose<perm = [1, 0]>(a)  y = ArgMax<axis = 1>(b) })");
  EXPECT_EQ(ranks.bf16(), "a");
  EXPECT_NE(ranks.why_not("b").find("ranked by"), std::string::npos) << ranks.why_not("b");
}

TEST(Bf16Range, DigitsDoNotCountBehindAnotherWantedOperator) {
  Bf16Net net(R"(g (float[4,4] x) => (float[4,4] y, int64[4,4] n) <float[4,4] w> {
    a = MatMul(x, w)  b = Relu(a)  y = MatMul(b, w)  n = Cast<to = 7>(b) })");
  EXPECT_EQ(net.bf16(), "a b y");
}

TEST(Bf16Range, RefusesRangesBeyondBf16) {
  Bf16Net net(kChain);
  net.range("b", 0, std::numeric_limits<float>::max());
  EXPECT_EQ(net.bf16(), "a y");
  EXPECT_EQ(net.why_not("b"), "the range of 'b' exceeds BF16's largest number");
}

TEST(Bf16Range, RefusesOtherForms) {
  EXPECT_EQ(Bf16Net("g (double[4,4] x) => (double[4,4] y) <double[4,4] w> { y = MatMul(x, w) }").bf16(), "");
  Bf16Net integers("g (int32[4,4] x) => (int32[4,4] y) <int32[4,4] w> { y = MatMul(x, w) }");
  EXPECT_EQ(integers.bf16(), "");
  EXPECT_TRUE(integers.plan().why_not.empty());
  Bf16Net statistics(R"(g (float[4,4] x) => (float[4,4] y, float[4,1] m) <float[4,4] w, float[4] s> {
    a = MatMul(x, w)  b, m = LayerNormalization(a, s, s)  y = MatMul(b, w) })");
  EXPECT_EQ(statistics.why_not("b"), "has several FP32 results");
}

}  // namespace
}  // namespace inc::quant
