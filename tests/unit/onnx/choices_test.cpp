#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBranches =
    "<then_branch = t () => (float[2] a) { a = Relu(x) }, else_branch = e () => (float[2] a) { b = Abs(x) a = Neg(b) }>";

/// y for x = {-2, 3}.
std::vector<float> value(const std::string& text) {
  const auto graph = import_text(text);
  return testing::run(graph, std::vector{ir::Tensor::of<float>({2}, {-2, 3})})[0].to_floats();
}

std::string chosen(const std::string& condition) {
  return "g (float[2] x) => (float[2] y) { " + condition + " y = If (c) " + kBranches + " }";
}

TEST(Choices, ConstantConditionsTakeTheirBranch) {
  EXPECT_EQ(value(chosen("c = Constant<value = bool {1}>()")), (std::vector<float>{0, 3}));
  EXPECT_EQ(value(chosen("c = Constant<value = bool {0}>()")), (std::vector<float>{-2, -3}));
}

TEST(Choices, KnownDimensionsDecide) {
  const std::string size = "s = Shape(x) i = Constant<value = int64 {-1}>() d = Gather(s, i) ";
  EXPECT_EQ(value(chosen(size + "n = Constant<value = int64 {2}>() c = Equal(d, n)")), (std::vector<float>{0, 3}));
  EXPECT_EQ(value(chosen(size + "n = Constant<value = int64 {1}>() c = Equal(d, n)")), (std::vector<float>{-2, -3}));
}

TEST(Choices, BranchesWithinBranchesAndEqualNamesInThem) {
  const auto inner = std::string("u = If (c) ") + kBranches;
  EXPECT_EQ(value("g (float[2] x) => (float[2] y) <bool c = {0}> { a = Exp(x) " + inner +
                  " v = If (c) <then_branch = p () => (float[2] k) { k = Relu(x) }, else_branch = q () => (float[2] k) "
                  "{ b = Neg(u) k = If (c) <then_branch = r () => (float[2] m) { m = Abs(b) }, "
                  "else_branch = s () => (float[2] m) { m = Add(b, b) }> }> y = Identity(v) }"),
            (std::vector<float>{4, 6}));
}

TEST(Choices, ABranchThatHandsOnAValueFromOutside) {
  EXPECT_EQ(
      value("g (float[2] x) => (float[2] y) <bool c = {1}> { z = Neg(x) y = If (c) <then_branch = p () => (float[2] z) "
            "{ }, else_branch = q () => (float[2] k) { k = Relu(x) }> }"),
      (std::vector<float>{2, -3}));
}

TEST(Choices, OpenOnesAreRefusedByName) {
  const std::string open =
      "g (float[N] x) => (float[N] y) { s = Shape(x) i = Constant<value = int64 {0}>() d = Gather(s, i) "
      "n = Constant<value = int64 {2}>() c = Equal(d, n) [choice] y = If (c) ";
  EXPECT_THAT(failure<UnsupportedError>([&] { import_text(open + kBranches + " }"); }), HasSubstr("node 'choice' (If)"));
}

}  // namespace
}  // namespace inc::onnx_io
