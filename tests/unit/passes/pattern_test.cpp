#include "core/passes/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace inc::passes {
namespace {

using ::testing::HasSubstr;

class PatternTest : public ::testing::Test {
 protected:
  ir::TensorType type = ir::TensorType::of(DType::Float, {4, 4});
  ir::Graph g;
  ir::ValueId x = g.add_input("x", type);
  ir::ValueId w = g.add_constant("w", ir::Tensor::of<float>({4, 4}, std::vector<float>(16, 1.0f)));

  ir::ValueId node(const std::string& op, std::vector<ir::ValueId> inputs, const std::string& name) {
    return g.add_node({op, std::move(inputs), {}, name, {type}, {name}})[0];
  }
  ir::NodeId root(ir::ValueId v) { return *g.value(v).producer; }
};

TEST_F(PatternTest, BindsEveryName) {
  const auto t = node("MatMul", {x, w}, "t"), y = node("Relu", {t}, "y");
  const auto found = Pattern("a = MatMul(p, q)\n b = Relu(a)").match(g, root(y));
  ASSERT_TRUE(found.match);
  const Match& m = *found.match;
  EXPECT_EQ(m["p"], x);
  EXPECT_EQ(m["q"], w);
  EXPECT_EQ(m["a"], t);
  EXPECT_EQ(m["b"], y);
  EXPECT_EQ(m.node("a"), root(t));
  EXPECT_FALSE(m.has("c"));
  EXPECT_THROW(m["c"], InternalError);
}

TEST_F(PatternTest, TriesCommutativeOperandsBothWays) {
  const auto t = node("Neg", {x}, "t"), y = node("Add", {w, t}, "y");
  EXPECT_TRUE(Pattern("t = Neg(x)\n y = Add(t, b)").match(g, root(y)).match);
  const auto z = node("Sub", {w, node("Neg", {x}, "u")}, "z");
  EXPECT_FALSE(Pattern("t = Neg(x)\n y = Sub(t, b)").match(g, root(z)).match);
}

TEST_F(PatternTest, RefusesWhenIntermediateHasAnotherUser) {
  const auto t = node("Neg", {x}, "t"), y = node("Relu", {t}, "y");
  node("Exp", {t}, "other");
  const auto found = Pattern("t = Neg(x)\n y = Relu(t)").match(g, root(y));
  EXPECT_FALSE(found.match);
  EXPECT_EQ(found.near_miss, "'t' is also used by 'other' (Exp)");
}

TEST_F(PatternTest, RefusesWhenIntermediateIsGraphOutput) {
  const auto t = node("Neg", {x}, "t"), y = node("Relu", {t}, "y");
  g.add_output(t);
  EXPECT_EQ(Pattern("t = Neg(x)\n y = Relu(t)").match(g, root(y)).near_miss, "'t' is also a graph output");
}

TEST_F(PatternTest, ARepeatedNameIsOneValue) {
  const Pattern square("y = Mul(x, x)");
  EXPECT_TRUE(square.match(g, root(node("Mul", {x, x}, "a"))).match);
  EXPECT_FALSE(square.match(g, root(node("Mul", {x, w}, "b"))).match);
}

TEST_F(PatternTest, AnIntermediateMayBeUsedTwiceInside) {
  const auto t = node("Neg", {x}, "t"), s = node("Sigmoid", {t}, "s"), y = node("Mul", {s, t}, "y");
  EXPECT_TRUE(Pattern("t = Neg(x)\n s = Sigmoid(t)\n y = Mul(t, s)").match(g, root(y)).match);
}

TEST_F(PatternTest, AFreeNameNeverBindsAnIntermediate) {
  const auto t = node("Neg", {x}, "t"), y = node("Add", {t, t}, "y");
  EXPECT_FALSE(Pattern("t = Neg(x)\n y = Add(t, r)").match(g, root(y)).match);
}

TEST_F(PatternTest, LinesOfOneNameAreAlternatives) {
  const Pattern either("q = Exp(x)\n q = Mul(x, x)\n y = Relu(q)");
  EXPECT_TRUE(either.match(g, root(node("Relu", {node("Exp", {x}, "a")}, "b"))).match);
  EXPECT_TRUE(either.match(g, root(node("Relu", {node("Mul", {x, x}, "c")}, "d"))).match);
  EXPECT_FALSE(either.match(g, root(node("Relu", {node("Neg", {x}, "e")}, "f"))).match);
}

TEST_F(PatternTest, NumbersStandForConstantsOfOneElement) {
  const auto half = g.add_constant("half", ir::Tensor::of<float>({1, 1}, {0.5f}));
  const auto more = g.add_constant("more", ir::Tensor::scalar(0.501f));
  const Pattern halved("y = Mul(x, 0.5)");
  EXPECT_TRUE(halved.match(g, root(node("Mul", {half, x}, "a"))).match);
  EXPECT_FALSE(halved.match(g, root(node("Mul", {x, more}, "b"))).match);
  EXPECT_FALSE(halved.match(g, root(node("Mul", {x, w}, "c"))).match);
}

TEST_F(PatternTest, InputsBeyondTheListNeedDots) {
  const auto c = g.add_constant("c", ir::Tensor::scalar(1.0f));
  const auto y = node("Clip", {x, c}, "y"), z = node("Clip", {x, ir::ValueId{}, c}, "z");
  EXPECT_FALSE(Pattern("y = Clip(x)").match(g, root(y)).match);
  EXPECT_TRUE(Pattern("y = Clip(x, ...)").match(g, root(y)).match);
  EXPECT_TRUE(Pattern("y = Clip(x, _, high)").match(g, root(z)).match);
  EXPECT_FALSE(Pattern("y = Clip(x, _, high)").match(g, root(y)).match);
}

TEST_F(PatternTest, GoesOnWhenAMatchIsNotAccepted) {
  const auto a = node("Neg", {x}, "a"), b = node("Neg", {w}, "b"), y = node("Add", {a, b}, "y");
  const auto accept = [&](const Match& m) { return m["t"] == b ? Support::yes() : Support::no("not b"); };
  const auto found = Pattern("t = Neg(p)\n y = Add(t, r)").match(g, root(y), accept);
  ASSERT_TRUE(found.match);
  EXPECT_EQ((*found.match)["r"], a);
  const auto never =
      Pattern("t = Neg(p)\n y = Add(t, r)").match(g, root(y), [](const Match&) { return Support::no("never"); });
  EXPECT_FALSE(never.match);
  EXPECT_EQ(never.near_miss, "never");
}

TEST(PatternText, FaultsAreNamed) {
  const auto fault = [](const char* text) -> std::string {
    try {
      Pattern pattern(text);
    } catch (const InternalError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(fault("y = Rleu(x)"), HasSubstr("unknown operator 'Rleu'"));
  EXPECT_THAT(fault("y = Relu(x"), HasSubstr("expected ','"));
  EXPECT_THAT(fault("y Relu(x)"), HasSubstr("expected '='"));
  EXPECT_THAT(fault("y = Relu(x) z"), HasSubstr("expected the end of the line"));
  EXPECT_THAT(fault(" \n"), HasSubstr("at least one line"));
}

}  // namespace
}  // namespace inc::passes
