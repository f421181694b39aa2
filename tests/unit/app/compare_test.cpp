#include "app/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/compare_match.h"
#include "app/compare_values.h"
#include "core/onnx/onnx_io.h"
#include "core/report/report.h"
#include "tests/support/models.h"

namespace inc::app {
namespace {

using ::testing::HasSubstr;

const std::string kTwoLayers = R"(
g (float[N,8] x) => (float[N,4] y) <float[8,16] w1, float[16] b1, float[16,16] w2, float[16,4] w3> {
  m1 = MatMul(x, w1)
  a1 = Add(m1, b1)
  r1 = Relu(a1)
  m2 = MatMul(r1, w2)
  r2 = Relu(m2)
  y = MatMul(r2, w3)
})";

/// The same with Q/DQ before every product; the weight of the second one is multiplied by `scale`.
std::string quantized(const std::string& scale) {
  return R"(
g (float[N,8] x) => (float[N,4] y)
  <float[8,16] w1, float[16] b1, float[16,16] w2, float[16,4] w3, float one = {)" +
         scale + R"(}, float s = {0.01}, uint8 z = {128}, uint8 zero = {0}, float t = {0.02}> {
  xq = QuantizeLinear(x, s, z)
  xd = DequantizeLinear(xq, s, z)
  m1 = MatMul(xd, w1)
  a1 = Add(m1, b1)
  r1 = Relu(a1)
  q1 = QuantizeLinear(r1, t, zero)
  d1 = DequantizeLinear(q1, t, zero)
  v2 = Mul(w2, one)
  m2 = MatMul(d1, v2)
  r2 = Relu(m2)
  q2 = QuantizeLinear(r2, t, zero)
  d2 = DequantizeLinear(q2, t, zero)
  y = MatMul(d2, w3)
})";
}

class CompareModels : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto path = directory_.path() / name;
    onnx_io::export_model(onnx_io::import_text(text), path);
    return path;
  }
  Comparison compared(const std::string& a, const std::string& b) {
    CompareOptions options;
    options.a = write("a.onnx", a);
    options.b = write("b.onnx", b);
    options.samples = 32;
    return compare(options);
  }
  inc::testing::TemporaryDirectory directory_;
};

TEST_F(CompareModels, FindsNoErrorInTheSameModel) {
  const Comparison found = compared(kTwoLayers, kTwoLayers);
  EXPECT_EQ(found.operators, 3u);
  ASSERT_EQ(found.ops.size(), 3u);
  for (const auto& op : found.ops) {
    EXPECT_EQ(op.own.noise, 0) << op.name;
    EXPECT_EQ(op.total.noise, 0) << op.name;
    EXPECT_EQ(op.precision, "fp32");
  }
}

TEST_F(CompareModels, PutsTheBrokenOperatorBeforeWhatFollowsIt) {
  const Comparison sound = compared(kTwoLayers, quantized("1.0")), broken = compared(kTwoLayers, quantized("1.5"));
  ASSERT_EQ(sound.ops.size(), 3u);
  ASSERT_EQ(broken.ops.size(), 3u);
  for (const auto& op : sound.ops) EXPECT_GT(op.own.sqnr_db(), 30) << op.name;
  EXPECT_EQ(broken.ops[0].op_type, "MatMul");
  EXPECT_NEAR(broken.ops[0].own.relative(), 0.5, 0.01);  // everything is 1.5 times what it should be, and rounded
  ASSERT_TRUE(broken.ops[0].weight.has_value());
  EXPECT_NEAR(broken.ops[0].weight->relative(), 0.5, 1e-6);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_GT(broken.ops[i].own.sqnr_db(), 30) << broken.ops[i].name;
  EXPECT_NEAR(broken.outputs[0].total.relative(), 0.5, 0.05);
}

TEST_F(CompareModels, SaysWhatQuantizationDoesToInputs) {
  const Comparison found = compared(kTwoLayers, quantized("1.0"));
  for (const auto& op : found.ops) {
    EXPECT_EQ(op.precision, "int8");
    ASSERT_TRUE(op.input.has_value()) << op.name;
    EXPECT_GT(op.input->sqnr_db(), 20) << op.name;
    EXPECT_LE(op.input->largest, 0.0101) << op.name;  // half a step of 0.02
  }
}

TEST_F(CompareModels, ListsWhatHasNoCounterpart) {
  const std::string other = R"(
g (float[N,8] x) => (float[N,4] y) <float[8,16] w1, float[16] b1, float[16,16] w2, float[16,4] w3> {
  m1 = MatMul(x, w1)
  a1 = Add(m1, b1)
  r1 = Relu(a1)
  y = MatMul(r1, w3)
})";
  const Comparison found = compared(kTwoLayers, other);
  ASSERT_EQ(found.unmatched.size(), 1u);
  EXPECT_FALSE(found.unmatched[0].why.empty());
  EXPECT_EQ(found.ops.size() + 1, found.operators);
}

TEST_F(CompareModels, SaysWhatAnInterruptionHasLeftOut) {
  CompareOptions options;
  options.a = write("a.onnx", kTwoLayers);
  options.b = write("b.onnx", quantized("1.0"));
  options.should_stop = [] { return true; };
  const Comparison found = compare(options);
  EXPECT_TRUE(found.ops.empty());
  ASSERT_EQ(found.unmatched.size(), 3u);
  EXPECT_EQ(found.unmatched[0].why, "interrupted before");
}

TEST_F(CompareModels, PutsWhatIsNotFiniteFirst) {
  const Comparison found = compared(kTwoLayers, quantized("3e38"));
  ASSERT_FALSE(found.ops.empty());
  EXPECT_FALSE(found.ops[0].own.finite);
  EXPECT_THAT(to_json(found), HasSubstr("\"sqnr_db\": null"));
}

TEST_F(CompareModels, RefusesModelsOfOtherInputs) {
  EXPECT_THROW(compared(kTwoLayers, "g (float[N,9] x) => (float[N,4] y) <float[9,4] w> { y = MatMul(x, w) }"), ModelError);
}

TEST_F(CompareModels, WritesJsonAndAPage) {
  const Comparison found = compared(kTwoLayers, quantized("1.5"));
  const auto json = nlohmann::json::parse(to_json(found));
  EXPECT_EQ(json["matched"], 3);
  EXPECT_EQ(json["ops"][0]["name"], found.ops[0].name);
  EXPECT_NEAR(json["ops"][0]["own"]["relative"].get<double>(), 0.5, 0.01);
  const std::string page = to_html(found);
  EXPECT_THAT(page, HasSubstr(found.ops[0].name));
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(Match, GoesByStructureWhereNamesDiffer) {
  const auto a = onnx_io::import_text(kTwoLayers);
  const auto b = onnx_io::import_text(R"(
g (float[N,8] p) => (float[N,4] q) <float[8,16] w1, float[16] b1, float[16,16] w2, float[16,4] w3> {
  u = MatMul(p, w1)
  v = Add(b1, u)
  w = Relu(v)
  x = MatMul(w, w2)
  y = Relu(x)
  q = MatMul(y, w3)
})");
  const Match found = match(a, b);
  const auto twin = [&](const char* name) { return b.value(found.twin.at(*a.find_value(name))).name; };
  EXPECT_EQ(twin("x"), "p");
  EXPECT_EQ(twin("m1"), "u");
  EXPECT_EQ(twin("a1"), "v");
  EXPECT_EQ(twin("r2"), "y");
  EXPECT_EQ(twin("y"), "q");
}

TEST(Match, TellsParallelOperatorsApartByWhatReadsThem) {
  const auto a = onnx_io::import_text(R"(
g (float[2,4] x) => (float[2,4] y) <float[4,4] w1, float[4,4] w2> {
  p = MatMul(x, w1)
  q = MatMul(x, w2)
  y = Sub(p, q)
})");
  const auto b = onnx_io::import_text(R"(
g (float[2,4] x) => (float[2,4] y) <float[4,4] w1, float[4,4] w2> {
  second = MatMul(x, w2)
  first = MatMul(x, w1)
  y = Sub(first, second)
})");
  const Match found = match(a, b);
  EXPECT_EQ(b.value(found.twin.at(*a.find_value("p"))).name, "first");
  EXPECT_EQ(b.value(found.twin.at(*a.find_value("q"))).name, "second");
}

TEST(Match, StepsOverWhatOnlyOneModelHas) {
  const auto a = onnx_io::import_text("g (float[2,4] x) => (float[2,4] y) <float[4,4] w> { p = Relu(x)  y = MatMul(p, w) }");
  const auto b = onnx_io::import_text(
      "g (float[2,4] x) => (float[2,4] y) <float[4,4] w, float s = {2.0}> { p = Relu(x)  t = Mul(p, s)  y = MatMul(t, w) }");
  const Match found = match(a, b);
  EXPECT_EQ(b.value(found.twin.at(*a.find_value("p"))).name, "p");
  const Match back = match(b, a);
  EXPECT_EQ(a.value(back.twin.at(*b.find_value("p"))).name, "p");
  EXPECT_EQ(back.why_not.size(), 1u);
}

TEST(Match, TakesAScaleForNoProduct) {
  const auto a = onnx_io::import_text(
      "g (float[2,4] x, float[2,4] z) => (float[2,4] y) <float[4,4] w> { p = Mul(x, z)  y = MatMul(p, w) }");
  const auto b = onnx_io::import_text(R"(
g (float[2,4] x, float[2,4] z) => (float[2,4] y) <float[4,4] w, float[4] s = {1.0, 2.0, 3.0, 4.0}> {
  p = Mul(x, z)
  t = Mul(p, s)
  y = MatMul(t, w)
})");
  const Match found = match(a, b);
  EXPECT_EQ(b.value(found.twin.at(*a.find_value("p"))).name, "p");
}

TEST(Closeness, AddsUpOverTensors) {
  Closeness sum;
  add(sum, ir::Tensor::of<float>({2}, {1, -3}), ir::Tensor::of<float>({2}, {1.5f, -3}));
  add(sum, ir::Tensor::of<float>({2}, {0, 5}), ir::Tensor::of<float>({2}, {0, 4}));
  EXPECT_DOUBLE_EQ(sum.signal, 35);
  EXPECT_DOUBLE_EQ(sum.noise, 1.25);
  EXPECT_DOUBLE_EQ(sum.largest, 1);
  EXPECT_DOUBLE_EQ(sum.of_range(), 1.0 / 8);
  EXPECT_NEAR(sum.sqnr_db(), 10 * std::log10(35 / 1.25), 1e-12);
  EXPECT_GT(sum.cosine(), 0.97);
}

TEST(Closeness, NumbersThatAreNotFiniteAreTheWorst) {
  Closeness sum;
  add(sum, ir::Tensor::of<float>({2}, {1, 1}), ir::Tensor::of<float>({2}, {1, std::nanf("")}));
  EXPECT_FALSE(sum.finite);
  EXPECT_EQ(sum.sqnr_db(), -std::numeric_limits<double>::infinity());
}

TEST(ChannelFactors, AreDividedOut) {
  const auto a = ir::Tensor::of<float>({1, 2, 2}, {1, 2, 3, 4}), b = ir::Tensor::of<float>({1, 2, 2}, {2, 4, 1.5f, 2});
  const auto fitted = fitted_factors(a, b, 1);
  ASSERT_TRUE(fitted.has_value());
  EXPECT_EQ(fitted->factor, (std::vector<float>{2, 0.5f}));
  Closeness sum;
  add(sum, a, b, &*fitted);
  EXPECT_EQ(sum.noise, 0);
  EXPECT_TRUE(ir::identical(multiplied(a, *fitted), b));
  EXPECT_FALSE(fitted_factors(a, a, 1).has_value());
}

}  // namespace
}  // namespace inc::app
