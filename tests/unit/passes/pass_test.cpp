#include "core/passes/pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/onnx/onnx_io.h"

namespace inc::passes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Rule relu_into(std::string op, std::string why_not = "") {
  return {
      .name = "test_rule",
      .pattern = "y = Relu(x)",
      .where = [why_not](const ir::Graph&, const Match&) { return why_not.empty() ? Support::yes() : Support::no(why_not); },
      .rewrite =
          [op](const ir::Graph& g, const Match& m) {
            ir::Patch patch(g, "because");
            patch.replace(m["y"], patch.add_node({op, {m["x"]}, {}, "", {g.value(m["y"]).type}, {}})[0]);
            return patch;
          }};
}

ir::Graph two_relus() {
  return onnx_io::import_text("g (float[N] x) => (float[N] y) { t = Relu(x)  y = Relu(t) }");
}

TEST(RewritePass, AppliesEverywhereAndSaysSo) {
  ir::Graph g = two_relus();
  Findings findings;
  EXPECT_TRUE(make_pass(relu_into("Abs"))->run(g, &findings));
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_TRUE(findings[0].applied);
  EXPECT_EQ(findings[0].op_type, "Relu");
  EXPECT_EQ(findings[0].what, "because");
  EXPECT_FALSE(make_pass(relu_into("Abs"))->run(g, nullptr));
}

TEST(RewritePass, ReportsNearMissesOnceAndSilentOnesNever) {
  ir::Graph g = two_relus();
  Findings findings;
  EXPECT_FALSE(make_pass(relu_into("Abs", "it is Tuesday"))->run(g, &findings));
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].why_not, "it is Tuesday");
  EXPECT_FALSE(findings[0].applied);
}

TEST(RewritePass, FailsWhenItNeverSettles) {
  ir::Graph g = two_relus();
  EXPECT_THROW(make_pass(relu_into("Relu"))->run(g, nullptr), InternalError);
}

TEST(RewritePass, NamesRuleAndNodeWhenItFails) {
  ir::Graph g = two_relus();
  Rule rule = relu_into("Abs");
  rule.rewrite = [](const ir::Graph&, const Match&) -> ir::Patch { throw ModelError("boom"); };
  try {
    make_pass(std::move(rule))->run(g, nullptr);
    FAIL() << "no error";
  } catch (const ModelError& e) {
    ASSERT_THAT(e.notes(), SizeIs(1));
    EXPECT_THAT(e.notes()[0], HasSubstr("while applying test_rule to node"));
  }
}

TEST(PassManager, RunsUntilNothingChanges) {
  ir::Graph g = onnx_io::import_text(R"(g (float[N,2] x) => (float[N,2] y) <float[2,2] w, float[2] b, float[2] c> {
    t = MatMul(x, w)  s = Add(t, b)  u = Mul(s, c)  v = Add(u, b)  y = Relu(v) })");
  Findings findings;
  EXPECT_TRUE(fusion_pipeline().run(g, &findings));
  EXPECT_THAT(g.nodes(), SizeIs(1));
  for (const Finding& f : findings) EXPECT_TRUE(f.applied) << f.pass << ": " << f.why_not;
}

TEST(PassManager, KeepsOnlyNearMissesOfTheFinalGraph) {
  ir::Graph g = onnx_io::import_text(
      "g (float[N,2] x) => (float[N,2] y) <float[2,2] w> { t = MatMul(x, w)  dead = Exp(t)  a = Relu(t)  b = Sigmoid(t)  y "
      "= Sub(a, b) }");
  Findings findings;
  fusion_pipeline().run(g, &findings);
  std::vector<std::string> reasons;
  for (const Finding& f : findings)
    if (!f.applied) reasons.push_back(f.why_not);
  EXPECT_THAT(reasons, ElementsAre("'t' is also used by 'b' (Sigmoid)", "'t' is also used by 'a' (Relu)"));
}

TEST(PassRegistry, FindsEveryNameAndNoOther) {
  for (const auto name : pass_names()) {
    ASSERT_TRUE(find_pass(name)) << name;
    EXPECT_EQ(find_pass(name)->name(), name);
  }
  EXPECT_FALSE(find_pass("fuse_everything"));
}

}  // namespace
}  // namespace inc::passes
