#include <gtest/gtest.h>

#include <cstdlib>

#include "core/quant/bf16.h"

namespace inc::quant {
namespace {

using ops::Bf16Policy;

Bf16Policy policy(const Bf16Policies& policies, const std::string& op) {
  ir::Node node;
  node.op = op;
  return policies.of(node);
}

struct Variable {
  const char* name;
  Variable(const char* variable, const char* value) : name(variable) { setenv(variable, value, 1); }
  ~Variable() { unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

TEST(Bf16Lists, DefaultToTheOperatorTable) {
  const Bf16Policies policies;
  for (const char* op : {"Conv", "ConvTranspose", "MatMul", "Gemm", "inc.Conv", "inc.MatMul", "inc.Gemm"})
    EXPECT_EQ(policy(policies, op), Bf16Policy::Allow) << op;
  for (const char* op :
       {"Add", "Mul", "Relu", "Gelu", "Sigmoid", "MaxPool", "AveragePool", "Reshape", "Concat", "Gather",
        "LayerNormalization", "RMSNormalization", "BatchNormalization", "ReduceMax", "Sqrt", "Where", "Softmax"})
    EXPECT_EQ(policy(policies, op), Bf16Policy::Infer) << op;
  for (const char* op : {"LogSoftmax", "Exp", "Log", "Pow", "ReduceSum", "ReduceMean", "QuantizeLinear", "DequantizeLinear",
                         "Cast", "Greater", "ArgMax", "TopK", "Floor", "Round", "CumSum", "NonMaxSuppression", "Shape"})
    EXPECT_EQ(policy(policies, op), Bf16Policy::Deny) << op;
  EXPECT_EQ(policy(policies, "NoSuchOperator"), Bf16Policy::Deny);
}

TEST(Bf16Lists, AdditionMovesAnOperatorFromItsList) {
  Bf16Policies policies;
  policies.change({.allow_add = {"Softmax"}, .infer_add = {"Conv"}, .deny_add = {"Relu"}});
  EXPECT_EQ(policy(policies, "Softmax"), Bf16Policy::Allow);
  EXPECT_EQ(policy(policies, "Conv"), Bf16Policy::Infer);
  EXPECT_EQ(policy(policies, "inc.Conv"), Bf16Policy::Infer);
  EXPECT_EQ(policy(policies, "Relu"), Bf16Policy::Deny);
}

TEST(Bf16Lists, RemovalKeepsFp32ExceptFromTheDenyList) {
  Bf16Policies policies;
  policies.change({.allow_remove = {"Conv", "Relu"}, .infer_remove = {"Add"}, .deny_remove = {"LogSoftmax"}});
  EXPECT_EQ(policy(policies, "Conv"), Bf16Policy::Deny);
  EXPECT_EQ(policy(policies, "Relu"), Bf16Policy::Infer) << "it was not on the allow list";
  EXPECT_EQ(policy(policies, "Add"), Bf16Policy::Deny);
  EXPECT_EQ(policy(policies, "LogSoftmax"), Bf16Policy::Infer);
}

TEST(Bf16Lists, AdditionWinsOverRemovalAndLaterChangesOverEarlier) {
  Bf16Policies policies;
  policies.change({.allow_remove = {"Conv"}, .infer_add = {"Conv"}});
  EXPECT_EQ(policy(policies, "Conv"), Bf16Policy::Infer);
  policies.change({.deny_add = {"Conv"}});
  EXPECT_EQ(policy(policies, "Conv"), Bf16Policy::Deny);
  policies.change({.deny_remove = {"Conv"}});
  EXPECT_EQ(policy(policies, "Conv"), Bf16Policy::Infer);
}

TEST(Bf16Lists, RefusesUnknownOperatorsWithASuggestion) {
  Bf16Policies policies;
  try {
    policies.change({.deny_remove = {"Sofmax"}});
    FAIL() << "accepted";
  } catch (const ConfigError& e) {
    EXPECT_NE(std::string(e.what()).find("'Sofmax'"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("did you mean 'Softmax'"), std::string::npos);
  }
  EXPECT_THROW(policies.change({.allow_add = {"inc.Conv"}}), ConfigError);
}

TEST(Bf16Lists, RefusesAnOperatorOnTwoListsAndChangesNothing) {
  Bf16Policies policies;
  EXPECT_THROW(policies.change({.allow_add = {"Relu"}, .deny_add = {"Softmax", "Relu"}}), ConfigError);
  EXPECT_EQ(policy(policies, "Relu"), Bf16Policy::Infer);
  EXPECT_NO_THROW(policies.change({.deny_add = {"Relu", "Relu"}}));
}

TEST(Bf16Lists, EnvironmentNamesAllSix) {
  const Variable a("INC_BF16_ALLOWLIST_ADD", "Softmax, Exp"), b("INC_BF16_ALLOWLIST_REMOVE", "Conv");
  const Variable c("INC_BF16_INFERLIST_ADD", "Log,"), d("INC_BF16_INFERLIST_REMOVE", "Add");
  const Variable e("INC_BF16_DENYLIST_ADD", ",Relu"), f("INC_BF16_DENYLIST_REMOVE", "Pow");
  const Bf16Lists lists = lists_from_environment();
  EXPECT_EQ(lists.allow_add, (std::vector<std::string>{"Softmax", "Exp"}));
  EXPECT_EQ(lists.allow_remove, std::vector<std::string>{"Conv"});
  EXPECT_EQ(lists.infer_add, std::vector<std::string>{"Log"});
  EXPECT_EQ(lists.infer_remove, std::vector<std::string>{"Add"});
  EXPECT_EQ(lists.deny_add, std::vector<std::string>{"Relu"});
  EXPECT_EQ(lists.deny_remove, std::vector<std::string>{"Pow"});
}

TEST(Bf16Lists, EmptyEnvironmentChangesNothing) {
  const Bf16Lists lists = lists_from_environment();
  EXPECT_TRUE(lists.allow_add.empty() && lists.infer_add.empty() && lists.deny_add.empty());
  EXPECT_TRUE(lists.allow_remove.empty() && lists.infer_remove.empty() && lists.deny_remove.empty());
}

}  // namespace
}  // namespace inc::quant
