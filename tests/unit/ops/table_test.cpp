#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "core/ops/ops.h"
#include "tests/unit/ops/run_op.h"

namespace inc {
namespace {

using ::testing::HasSubstr;
using testing::op_node;
using testing::run_op;

TEST(Table, EveryRowHasAUniqueNameAShapeRuleAndAMeaning) {
  std::set<std::string_view> names;
  for (const auto& row : ops::table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(row.infer, nullptr) << row.name;
    EXPECT_NE(row.eval, nullptr) << row.name;
    EXPECT_LE(row.min_inputs, row.max_inputs) << row.name;
    EXPECT_EQ(ops::find(row.name), &row);
  }
  EXPECT_GT(names.size(), 100u);
}

TEST(Table, AnchorsNameTheirWeight) {
  for (const auto& row : ops::table())
    if (row.quant == ops::QuantRole::Anchor) {
      EXPECT_EQ(row.weight_input, 1) << row.name;
      EXPECT_EQ(row.bf16, ops::Bf16Policy::Allow) << row.name;
    }
  for (const auto* op : {"Conv", "MatMul", "Gemm", "inc.Conv", "inc.MatMul", "inc.Gemm"})
    EXPECT_EQ(ops::info(op).quant, ops::QuantRole::Anchor) << op;
}

TEST(Table, NumericallyDelicateOperatorsAreDeniedBf16) {
  for (const auto* op : {"Exp", "Log", "Pow", "LogSoftmax", "ReduceSum", "ReduceMean", "Floor", "Equal", "TopK"})
    EXPECT_EQ(ops::info(op).bf16, ops::Bf16Policy::Deny) << op;
  for (const auto* op : {"Add", "Relu", "Sigmoid", "MaxPool", "Reshape", "Softmax", "LayerNormalization"})
    EXPECT_EQ(ops::info(op).bf16, ops::Bf16Policy::Infer) << op;
}

TEST(Table, AnUnknownOperatorIsRefusedByName) {
  EXPECT_EQ(ops::find("Frobnicate"), nullptr);
  try {
    ops::info("Frobnicate");
    FAIL();
  } catch (const UnsupportedError& e) {
    EXPECT_THAT(e.what(), HasSubstr("Frobnicate"));
  }
}

TEST(Table, ErrorsNameTheNodeAndItsType) {
  try {
    run_op("Add", {ir::Tensor::scalar(1.0f)});
    FAIL();
  } catch (const ModelError& e) {
    EXPECT_THAT(e.full_message(), HasSubstr("1 inputs found, expected 2 to 2"));
    EXPECT_THAT(e.full_message(), HasSubstr("in node 'n' of type Add"));
  }
}

TEST(Table, InferWithoutValuesRefusesShapesThatDependOnThem) {
  const ops::Spec unknown{DType::Int64, {2}};
  EXPECT_THROW((void)ops::infer(op_node("ConstantOfShape", 1), std::vector<ops::Spec>{unknown}, 21), ModelError);
}

TEST(Table, WeightAxisFollowsOperatorAndLayout) {
  ir::Graph graph;
  const auto x = graph.add_input("x", ir::TensorType::of(DType::Float, {1, 4}));
  const auto w = graph.add_constant("w", ir::Tensor(DType::Float, {4, 3}));
  const auto k = graph.add_constant("k", ir::Tensor(DType::Float, {8, 4, 1, 1}));
  auto node = op_node("MatMul", 0);
  node.inputs = {x, w};
  EXPECT_EQ(ops::weight_axis(graph, node), 1);
  node.op = "Gemm";
  EXPECT_EQ(ops::weight_axis(graph, node), 1);
  node.attrs.set("transB", std::int64_t{1});
  EXPECT_EQ(ops::weight_axis(graph, node), 0);
  node = op_node("Conv", 0);
  node.inputs = {x, k};
  EXPECT_EQ(ops::weight_axis(graph, node), 0);
  node.op = "ConvTranspose";
  EXPECT_EQ(ops::weight_axis(graph, node), 1);
}

TEST(Table, FusedGroupsAreReportedAsTheirAnchor) {
  EXPECT_EQ(ops::reported_type(op_node("inc.Conv", 2)), "Conv");
  EXPECT_EQ(ops::reported_type(op_node("Relu", 1)), "Relu");
}

TEST(Epilogue, ActivationsEqualTheOperatorsTheyReplace) {
  struct Pair {
    std::string activation, op;
    float alpha, beta;
    ir::Attrs attrs;
  };
  const Pair pairs[] = {
      {"relu", "Relu", 0, 0, {}},
      {"sigmoid", "Sigmoid", 0, 0, {}},
      {"tanh", "Tanh", 0, 0, {}},
      {"gelu", "Gelu", 0, 0, {}},
      {"gelu_tanh", "Gelu", 0, 0, {{"approximate", std::string("tanh")}}},
      {"silu", "Swish", 0, 0, {}},
      {"hardswish", "HardSwish", 0, 0, {}},
      {"hardsigmoid", "HardSigmoid", 0.2f, 0.5f, {}},
      {"leaky_relu", "LeakyRelu", 0.125f, 0, {{"alpha", 0.125f}}},
  };
  for (const auto& pair : pairs)
    for (const float x : {-7.0f, -1.5f, -0.25f, 0.0f, 0.75f, 3.0f, 9.0f}) {
      const auto expected = run_op(pair.op, {ir::Tensor::scalar(x)}, pair.attrs, 1, 24)[0].data<float>()[0];
      EXPECT_FLOAT_EQ(ops::activate({pair.activation, pair.alpha, pair.beta, {}}, x), expected)
          << pair.activation << " of " << x;
    }
  EXPECT_EQ(ops::activate({"clip", 0, 6, {}}, 7), 6);
  EXPECT_EQ(ops::activate({"none", 0, 0, {}}, -7), -7);
}

}  // namespace
}  // namespace inc
