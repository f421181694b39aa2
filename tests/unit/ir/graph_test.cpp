#include "core/ir/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/ir/patch.h"
#include "core/ir/print.h"

namespace inc::ir {
namespace {

const TensorType kType = TensorType::of(DType::Float, {2, 3});

/// x → a = Relu(x) → b = Exp(a) → output; a is used twice by c = Add(a, a), an output as well.
struct Small : testing::Test {
  Graph graph;
  ValueId x, a, b, c;
  Small() {
    x = graph.add_input("x", kType);
    a = graph.add_node({"Relu", {x}, {}, "relu", {kType}, {"a"}})[0];
    b = graph.add_node({"Exp", {a}, {}, "exp", {kType}, {"b"}})[0];
    c = graph.add_node({"Add", {a, a}, {}, "add", {kType}, {"c"}})[0];
    graph.add_output(b);
    graph.add_output(c);
  }
};

TEST_F(Small, LinksProducersAndConsumers) {
  graph.verify();
  EXPECT_EQ(graph.value(a).consumers.size(), 3u);
  EXPECT_EQ(graph.producer(a)->op, "Relu");
  EXPECT_EQ(graph.producer(x), nullptr);
  EXPECT_EQ(graph.topological_order().size(), 3u);
}

TEST_F(Small, ReplaceRewiresEveryUseAndRemovesTheDead) {
  Patch patch(graph, "relu to sigmoid");
  const auto s = patch.add_node({"Sigmoid", {x}, {}, "sigmoid", {kType}, {}});
  patch.replace(a, s[0]);
  graph.apply(patch);
  graph.verify();
  EXPECT_FALSE(graph.alive(a));
  EXPECT_EQ(graph.node(*graph.value(c).producer).inputs, (std::vector<ValueId>{s[0], s[0]}));
  EXPECT_EQ(graph.value(s[0]).name, "a");
}

TEST_F(Small, ANewNodeMayReadTheValueItReplaces) {
  Patch patch(graph, "insert");
  const auto n = patch.add_node({"Neg", {a}, {}, "neg", {kType}, {}});
  patch.replace(a, n[0]);
  graph.apply(patch);
  graph.verify();
  EXPECT_EQ(graph.node(*graph.value(n[0]).producer).inputs[0], a);
  EXPECT_EQ(graph.value(a).consumers.size(), 1u);
  EXPECT_EQ(graph.value(n[0]).consumers.size(), 3u);
}

TEST_F(Small, ReplacingAnOutputKeepsThePromisedName) {
  Patch patch(graph, "drop exp");
  patch.replace(b, a);
  graph.apply(patch);
  graph.verify();
  EXPECT_EQ(graph.outputs()[0], a);
  EXPECT_EQ(graph.output_names()[0], "b");
  EXPECT_EQ(graph.nodes().size(), 2u);
}

TEST_F(Small, ARefusedPatchLeavesTheGraphAsItWas) {
  const std::string before = print(graph);
  Patch patch(graph, "wrong type");
  const auto n = patch.add_node({"Cast", {x}, {}, "cast", {TensorType::of(DType::Int32, {2, 3})}, {}});
  patch.replace(a, n[0]);
  EXPECT_THROW(graph.apply(patch), ModelError);
  EXPECT_EQ(print(graph), before);
}

TEST_F(Small, RefusesACycle) {
  const std::string before = print(graph);
  Patch patch(graph, "cycle");
  patch.replace_input(*graph.value(a).producer, 0, b);
  EXPECT_THROW(graph.apply(patch), ModelError);
  EXPECT_EQ(print(graph), before);
}

TEST_F(Small, RefusesToEraseWhatIsInUse) {
  Patch patch(graph, "erase");
  patch.erase(*graph.value(a).producer);
  EXPECT_THROW(graph.apply(patch), ModelError);
}

TEST_F(Small, APatchThatFailsLateIsUndoneWhole) {
  const Graph before = graph;
  const NodeId relu = *graph.value(a).producer, add = *graph.value(c).producer;
  const auto everything = [&](Graph& g) {
    Patch patch(g, "everything");
    const auto w = patch.add_constant("w", Tensor::of<float>({2, 3}, std::vector<float>(6, 1)));
    const auto n = patch.add_node({"Neg", {a}, {}, "neg", {kType}, {}});
    patch.replace(b, n[0]).become(add, "inc.Add", 4).replace_input(add, 3, w).replace_input(add, 0, w);
    return patch;
  };
  Patch fails = everything(graph);
  fails.erase(relu);
  EXPECT_THROW(graph.apply(fails), ModelError);
  graph.verify();
  EXPECT_EQ(print(graph), print(before));
  EXPECT_FALSE(graph.find_value("w"));
  EXPECT_EQ(graph.find_value("b"), b);
  Patch turns = everything(graph);
  turns.replace_input(relu, 0, c);
  EXPECT_THROW(graph.apply(turns), ModelError) << "a cycle, found when everything has been done";
  graph.verify();
  EXPECT_EQ(print(graph), print(before));
  Graph copy = before;
  copy.apply(everything(copy));
  graph.apply(everything(graph));
  graph.verify();
  EXPECT_EQ(print(graph), print(copy));
  EXPECT_EQ(graph.value(graph.outputs()[0]).name, "b");
}

TEST_F(Small, OneInputCanBeRewired) {
  Patch patch(graph, "one side");
  const auto w = patch.add_constant("w", Tensor::of<float>({2, 3}, std::vector<float>(6, 1)));
  patch.replace_input(*graph.value(c).producer, 1, w);
  graph.apply(patch);
  graph.verify();
  EXPECT_EQ(graph.node(*graph.value(c).producer).inputs, (std::vector<ValueId>{a, w}));
  EXPECT_EQ(graph.value(a).consumers.size(), 2u);
}

TEST_F(Small, ANodeMayBecomeAnotherOperatorWithMoreInputs) {
  const NodeId id = *graph.value(c).producer;
  const Node before = graph.node(id);
  Patch patch(graph, "more inputs");
  const auto w = patch.add_constant("w", Tensor::of<float>({2, 3}, std::vector<float>(6, 1)));
  patch.become(id, "inc.Add", 4).replace_input(id, 3, w);
  EXPECT_FALSE(patch.empty());
  graph.apply(patch);
  graph.verify();
  EXPECT_EQ(graph.node(id).op, "inc.Add");
  EXPECT_EQ(graph.node(id).name, before.name);
  EXPECT_EQ(graph.node(id).outputs, before.outputs);
  EXPECT_EQ(graph.node(id).inputs, (std::vector<ValueId>{before.inputs[0], before.inputs[1], ValueId{}, w}));
}

TEST_F(Small, CopiesAreIndependent) {
  Graph copy = graph;
  Patch patch(copy, "drop exp");
  patch.replace(b, a);
  copy.apply(patch);
  EXPECT_EQ(graph.nodes().size(), 3u);
  EXPECT_EQ(copy.nodes().size(), 2u);
}

TEST_F(Small, NamesAreMadeUnique) {
  const auto again = graph.add_node({"Relu", {x}, {}, "relu2", {kType}, {"a"}});
  EXPECT_EQ(graph.value(again[0]).name, "a_1");
}

TEST(Tensors, RejectNegativeAndHugeShapes) {
  EXPECT_THROW(Tensor(DType::Float, {2, -1}), ModelError);
  EXPECT_THROW(Tensor(DType::Float, {1 << 30, 1 << 30}), ModelError);
}

TEST(Tensors, RefuseMoreMemoryThanTheMachineHas) {
  try {
    Tensor(DType::Double, {std::int64_t{1} << 40});
    FAIL() << "8 TB found";
  } catch (const BackendError& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("out of memory: 8796093022272 bytes wanted"));
  }
}

TEST(Tensors, GiveIntegersWithinTheirLimits) {
  const auto reals = Tensor::of<float>({4}, {NAN, 1e30f, -INFINITY, -2.5f});
  EXPECT_EQ(reals.to_int64s(), (std::vector<std::int64_t>{0, INT64_MAX, INT64_MIN, -2}));
}

TEST(Tensors, AreIdenticalByContent) {
  const auto a = Tensor::of<float>({2}, {1, 2}), b = Tensor::of<float>({2}, {1, 2}), c = Tensor::of<float>({2}, {1, 3});
  EXPECT_TRUE(identical(a, b));
  EXPECT_FALSE(identical(a, c));
  EXPECT_EQ(a.content_hash(), b.content_hash());
  EXPECT_NE(a.content_hash(), c.content_hash());
}

TEST(Types, AreCompatibleUnlessKnownDimensionsDisagree) {
  TensorType symbolic{DType::Float, std::vector<Dim>{{-1, "N"}, {3, ""}}};
  EXPECT_TRUE(compatible(symbolic, kType));
  EXPECT_FALSE(compatible(symbolic, TensorType::of(DType::Float, {2, 4})));
  EXPECT_FALSE(compatible(symbolic, TensorType::of(DType::Int8, {2, 3})));
  EXPECT_TRUE(compatible(TensorType{DType::Float, std::nullopt}, kType));
  EXPECT_EQ(symbolic.to_string(), "float[N,3]");
}

}  // namespace
}  // namespace inc::ir
