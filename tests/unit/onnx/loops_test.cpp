#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

std::string with_opset(int opset, const std::string& text) {
  return "<ir_version: 7, opset_import: [\"\" : " + std::to_string(opset) + "]> " + text;
}

std::vector<std::vector<float>> results(const std::string& text, std::vector<ir::Tensor> inputs) {
  std::vector<std::vector<float>> all;
  for (const auto& y : testing::run(import_text(text), inputs)) all.push_back(y.to_floats());
  return all;
}

/// a ← 2 a + step, gathered before it is doubled.
constexpr const char* kDoubling =
    "<body = b (int64 i, bool c, float[2] s) => (bool d, float[2] t, float[2] before) "
    "{ d = Identity(c) f = Cast<to = 1>(i) u = Add(s, s) t = Add(u, f) before = Identity(s) }>";

std::string loop(const std::string& before, const std::string& inputs) {
  return "g (float[2] x) => (float[2] y, float[3,2] z) <int64 n = {3}> { " + before + " y, z = Loop " + kDoubling + "(" +
         inputs + ") }";
}

const std::vector<std::vector<float>> kDoubled{{12, -12}, {1, -2, 2, -4, 5, -7}};

TEST(Loops, StepsThatAreKnownStandOneAfterTheOther) {
  const std::vector x{ir::Tensor::of<float>({2}, {1, -2})};
  for (const int opset : {11, 13, 21}) {
    SCOPED_TRACE(opset);
    EXPECT_EQ(results(with_opset(opset, loop("", "n, , x")), x), kDoubled);
    EXPECT_EQ(results(with_opset(opset, loop("go = Constant<value = bool {1}>()", "n, go, x")), x), kDoubled);
  }
}

TEST(Loops, ADimensionMaySayHowManyStepsThereAre) {
  const std::string counted =
      "g (float[2] x, float[3,1] k) => (float[2] y, float[3,2] z) { s = Shape(k) i = Constant<value = int64 {0}>() "
      "n = Gather(s, i) y, z = Loop " +
      std::string(kDoubling) + "(n, , x) }";
  EXPECT_EQ(results(with_opset(17, counted), {ir::Tensor::of<float>({2}, {1, -2}), ir::Tensor::of<float>({3, 1}, {0, 0, 0})}),
            kDoubled);
}

TEST(Loops, WithoutAStepStatesPassUnchanged) {
  const std::string body = "<body = b (int64 i, bool c, float[2] s) => (bool c, float[2] t) { t = Add(s, s) }>(n, go, x) }";
  const std::vector x{ir::Tensor::of<float>({2}, {1, -2})};
  EXPECT_EQ(results(with_opset(17, "g (float[2] x) => (float[2] y) <int64 n = {0}, bool go = {1}> { y = Loop " + body), x)[0],
            (std::vector<float>{1, -2}));
  EXPECT_EQ(results(with_opset(17, "g (float[2] x) => (float[2] y) <int64 n = {5}, bool go = {0}> { y = Loop " + body), x)[0],
            (std::vector<float>{1, -2}));
}

TEST(Loops, WithinOneAnotherAndAroundChoicesReadingFromOutside) {
  const std::string text =
      "g (float[2] x) => (float[2] y) <int64 n = {2}, bool yes = {1}> { w = Neg(x) y = Loop <body = o (int64 i, bool c, "
      "float[2] s) => (bool c, float[2] t) { u = Loop <body = p (int64 j, bool e, float[2] v) => (bool e, float[2] q) "
      "{ q = Add(v, w) }>(n, , s) t = If (yes) <then_branch = a () => (float[2] r) { r = Add(u, u) }, else_branch = f () => "
      "(float[2] r) { r = Neg(u) }> }>(n, , x) }";
  EXPECT_EQ(results(with_opset(17, text), {ir::Tensor::of<float>({2}, {1, -3})})[0], (std::vector<float>{-8, 24}))
      << "1 → (1 - 2) · 2 = -2 → (-2 - 2) · 2";
}

/// Running sums of the columns, and the elements themselves.
TEST(Loops, ScansAlongAnyAxisInBothDirections) {
  const std::string text =
      "g (float[2] a, float[2,3] x) => (float[2] last, float[2,3] y, float[3,2] z) { last, y, z = Scan <num_scan_inputs = "
      "1, "
      "scan_input_axes = [1], scan_input_directions = [1], scan_output_axes = [1, 0], scan_output_directions = [0, 1], "
      "body = b (float[2] s, float[2] e) => (float[2] t, float[2] sum, float[2] own) { t = Add(s, e) sum = Identity(t) "
      "own = Identity(e) }>(a, x) }";
  const std::vector inputs{ir::Tensor::of<float>({2}, {10, 20}), ir::Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})};
  const std::vector<std::vector<float>> wanted{{16, 35}, {13, 15, 16, 26, 31, 35}, {1, 4, 2, 5, 3, 6}};
  for (const int opset : {11, 17}) EXPECT_EQ(results(with_opset(opset, text), inputs), wanted);
}

TEST(Loops, OthersAreRefusedByName) {
  const auto why = [](const std::string& text) { return failure<UnsupportedError>([&] { import_text(with_opset(17, text)); }); };
  EXPECT_THAT(why("g (float[2] x, int64 n) => (float[2] y, float[K,2] z) { [open] y, z = Loop " + std::string(kDoubling) +
                  "(n, , x) }"),
              HasSubstr("node 'open' (Loop)"));
  EXPECT_THAT(why("g (float[2] x) => (float[2] y, float[65,2] z) <int64 n = {65}> { [long] y, z = Loop " +
                  std::string(kDoubling) + "(n, , x) }"),
              HasSubstr("node 'long' (Loop)"));
  EXPECT_THAT(why("g (float[2] x) => (float[2] y) <int64 n = {3}, float f = {9.0}> { [while] y = Loop <body = b (int64 i, "
                  "bool c, float[2] s) => (bool d, float[2] t) { t = Add(s, s) m = ReduceMax<keepdims = 0>(t) "
                  "d = Less(m, f) }>(n, , x) }"),
              HasSubstr("node 'while' (Loop)"));
  EXPECT_THAT(why("g (float[2] a, float[N,2] x) => (float[2] y) { [scan] y = Scan <num_scan_inputs = 1, body = b (float[2] "
                  "s, float[2] e) => (float[2] t) { t = Add(s, e) }>(a, x) }"),
              HasSubstr("node 'scan' (Scan)"));
}

}  // namespace
}  // namespace inc::onnx_io
