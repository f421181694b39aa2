#include <gtest/gtest.h>

#include <cmath>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"

namespace inc::onnx_io {
namespace {

/// The network in the element type: bounds and a mask at the ends of FP16, a cast to it, a shape-made constant of it.
std::string network(const std::string& type, const std::string& number) {
  const auto typed = [&](const std::string& name) { return name + " = Cast<to = " + number + ">(" + name + "0) "; };
  return "<ir_version: 10, opset_import: [\"\" : 21]> g (" + type + "[N,2,5,5] x) => (" + type +
         "[N,3] y, float[N,3] z) <float[4,2,3,3] w0, float[4] b0, float[4,3] k0, float low0 = {-65504.0}, "
         "float high0 = {65504.0}, float[3] mask0 = {0.0, -65504.0, 0.0}> { " +
         typed("w") + typed("b") + typed("k") + typed("low") + typed("high") + typed("mask") +
         "c = Conv(x, w, b) l = Clip(c, low, high) p = GlobalAveragePool(l) f = Flatten(p) m = Gemm(f, k, mask) "
         "h = Softmax<axis = -1>(m) s = Shape(h) o = ConstantOfShape(s) e = Cast<to = " +
         number + ">(o) y = Add(h, e) z = Cast<to = 1>(y) }";
}

std::vector<DType> types_of(const ir::Graph& graph, const std::vector<ir::ValueId>& values) {
  std::vector<DType> types;
  for (const auto id : values) types.push_back(graph.value(id).type.dtype);
  return types;
}

TEST(Widen, HalfPrecisionIsComputedInSinglePrecisionBehindTheSameInterface) {
  const auto half = import_text(network("float16", "10")), twin = import_text(network("float", "1"));
  EXPECT_EQ(types_of(half, half.inputs()), (std::vector<DType>{DType::Float16}));
  EXPECT_EQ(types_of(half, half.outputs()), (std::vector<DType>{DType::Float16, DType::Float}));
  for (const auto id : half.nodes()) {
    const auto& node = half.node(id);
    for (const auto value : node.outputs)
      EXPECT_TRUE(node.op == "Cast" || half.value(value).type.dtype != DType::Float16) << node.name;
  }
  Rng rng(3);
  const auto x = testing::random_inputs(twin, rng).front();
  ir::Tensor rounded(DType::Float, x.shape()), narrow(DType::Float16, x.shape());
  for (std::int64_t i = 0; i < x.count(); ++i) {
    narrow.mutable_data<Float16>()[i] = Float16(x.data<float>()[i]);
    rounded.mutable_data<float>()[i] = static_cast<float>(narrow.data<Float16>()[i]);
  }
  const auto a = testing::run(half, std::vector{narrow}), b = testing::run(twin, std::vector{rounded});
  EXPECT_TRUE(identical(a[1], b[1]));
  for (std::int64_t i = 0; i < a[0].count(); ++i) EXPECT_EQ(a[0].data<Float16>()[i], Float16(b[0].data<float>()[i])) << i;
}

TEST(Widen, ConstantsKeepTheirNumbers) {
  const auto graph = import_text(R"(g (float16[3] x) => (float16[3] y, float16[3] k)
    <float16[3] k = {15872, 64512, 1}> { y = Add(x, k) })");
  EXPECT_EQ(graph.constant(*graph.find_value("k"))->dtype(), DType::Float16);
  EXPECT_EQ(graph.constant(*graph.find_value("k/float"))->to_floats(), (std::vector<float>{1.5f, -INFINITY, 0x1p-24f}));
}

TEST(Widen, ScalesInHalfPrecisionAreWidenedToo) {
  const auto graph = import_text(R"(g (float16[4] x) => (float16[4] y) <float16 s = {11878}, int8 z = {3}>
    { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) })");
  EXPECT_EQ(graph.constant(*graph.find_value("s"))->dtype(), DType::Float);
  EXPECT_EQ(graph.value(*graph.find_value("q")).type.dtype, DType::Int8);
}

TEST(Widen, InputsThatAreOutputsAndUnusedOnesStayAsTheyAre) {
  const auto graph = import_text("g (float16[2] x, float16[2] u) => (float16[2] x, float16[2] y) { y = Relu(x) }");
  EXPECT_EQ(types_of(graph, graph.outputs()), (std::vector<DType>{DType::Float16, DType::Float16}));
  EXPECT_EQ(graph.outputs()[0], graph.inputs()[0]);
}

TEST(Widen, NumbersLookedAtByTheirBitsStayInHalfPrecision) {
  const auto graph = import_text(R"(<ir_version: 13, opset_import: ["" : 26]>
    g (float16[2] x) => (int16[2] y) { r = Relu(x) y = BitCast<to = 5>(r) })");
  EXPECT_EQ(graph.value(*graph.find_value("r")).type.dtype, DType::Float16);
}

}  // namespace
}  // namespace inc::onnx_io
