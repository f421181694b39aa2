// BF16 graphs: an operator computes in FP32 on BF16 inputs and rounds its output once, to nearest even.
//   The engine differs from the oracle by the order of FP32 additions inside a dot product and by rounding of FP32
//   functions: by one BF16 step where the two sides of a rounding boundary lie that close, and by the bound of
//   docs/numerics.md; on every ISA, whether the CPU has BF16 or not.
//   Results do not depend on the number of threads. The profile says what ran.
#include "tests/contract/adaptors/bf16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/parallel.h"
#include "core/passes/pass.h"
#include "tests/contract/adaptors/group.h"
#include "tests/contract/adaptors/operators.h"

namespace inc {
namespace {

/// Relative distance of neighbouring BF16 numbers, at most; and the error energy when every element is that far off.
constexpr double kStep = 0x1p-7, kOneStepEverywhere = kStep * kStep;

std::vector<ir::Tensor> run(const std::unique_ptr<const runtime::Adaptor>& adaptor, const ir::Graph& graph,
                            const std::vector<ir::Tensor>& inputs) {
  return adaptor->prepare(graph)->run(inputs);
}

class Bf16Operators : public ::testing::TestWithParam<testing::OperatorCase> {
 protected:
  static void check(const ir::Graph& real) {
    const ir::Graph graph = testing::in_bf16(real);
    Rng rng(3);
    const auto inputs = testing::random_inputs(graph, rng);
    const auto engine = onednn::make_adaptor()->prepare(graph);
    const auto found = engine->run(inputs), expected = run(reference::make_adaptor(), graph, inputs);
    ASSERT_EQ(found.size(), expected.size());
    const bool exact = std::holds_alternative<testing::Exact>(GetParam().tolerance);
    const testing::Tolerance tolerance =
        exact ? testing::Tolerance(testing::Exact{}) : testing::Nmse{kOneStepEverywhere / 16};
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(testing::agree(found[i], expected[i], tolerance));
    const auto again = engine->run(inputs);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(ir::identical(again[i], found[i])) << "the second run";
  }
};

TEST_P(Bf16Operators, AgreeWithTheOracle) {
  check(testing::import(GetParam()));
}

TEST_P(Bf16Operators, AgreeWhenFused) {
  ir::Graph graph = testing::import(GetParam());
  passes::fusion_pipeline().run(graph);
  check(graph);
}

INSTANTIATE_TEST_SUITE_P(All, Bf16Operators, ::testing::ValuesIn(testing::kOperators),
                         [](const auto& item) { return item.param.name; });

struct Anchor {
  const char* name;
  std::string op;
  ir::Shape x, w;
  ir::Attrs attrs;
  std::string activation = "none";
  bool bias = true, residual = false;
  std::int64_t depth() const { return op == "Conv" ? ir::element_count(w) / w[0] : w[w.size() - 2]; }
};

std::vector<Anchor> anchors() {
  using Ints = std::vector<std::int64_t>;
  const ir::Attrs padded{{"pads", Ints{1, 1, 1, 1}}};
  return {{"Conv3x3", "Conv", {2, 32, 9, 9}, {24, 32, 3, 3}, padded},
          {"Conv3x3Relu", "Conv", {2, 32, 9, 9}, {24, 32, 3, 3}, padded, "relu"},
          {"Conv3x3Residual", "Conv", {2, 32, 9, 9}, {32, 32, 3, 3}, padded, "relu", true, true},
          {"Conv3x3Silu", "Conv", {2, 32, 9, 9}, {24, 32, 3, 3}, padded, "silu"},
          {"ConvThreeChannels", "Conv", {1, 3, 17, 17}, {16, 3, 3, 3}, padded, "clip"},
          {"ConvOneChannel", "Conv", {2, 1, 12, 10}, {8, 1, 5, 4}, {}, "relu", false},
          {"Conv1x1", "Conv", {1, 512, 5, 5}, {40, 512, 1, 1}, {}, "hardswish"},
          {"ConvDepthwise", "Conv", {2, 40, 9, 9}, {40, 1, 3, 3}, {{"group", std::int64_t{40}}}, "relu"},
          {"ConvGrouped", "Conv", {1, 32, 7, 7}, {32, 8, 3, 3}, {{"group", std::int64_t{4}}}},
          {"ConvColumn", "Conv", {1, 16, 40, 1}, {24, 16, 5, 1}, {}, "relu"},
          {"Conv1d", "Conv", {2, 8, 40}, {16, 8, 5}, {}, "tanh"},
          {"MatMul", "MatMul", {5, 64}, {64, 48}, {}},
          {"MatMulLong", "MatMul", {3, 4096}, {4096, 17}, {}, "none", false},
          {"MatMulOneRow", "MatMul", {1, 768}, {768, 96}, {}, "gelu"},
          {"MatMulStackedResidual", "MatMul", {2, 7, 96}, {96, 64}, {}, "none", true, true},
          {"Gemm", "Gemm", {6, 300}, {300, 20}, {}, "sigmoid"},
          {"GemmTransposed", "Gemm", {6, 48}, {20, 48}, {{"transB", std::int64_t{1}}, {"alpha", 0.5f}, {"beta", 0.25f}}}};
}

class Bf16Anchor : public ::testing::TestWithParam<Anchor> {
 protected:
  Rng rng{17};
  testing::GroupBuilder builder{23};
  ir::Graph real, graph;
  std::vector<ir::Tensor> inputs;

  void SetUp() override {
    const Anchor& a = GetParam();
    ir::Attrs attrs = a.attrs;
    if (a.activation == "clip") attrs.set("activation_alpha", 0.0f), attrs.set("activation_beta", 6.0f);
    attrs.set("activation", a.activation);
    std::vector<ir::ValueId> in{builder.input(a.x), builder.constant(testing::random_tensor(DType::Float, a.w, rng))};
    const ir::Shape y = builder.output_shape("inc." + a.op, in, a.attrs);
    const std::int64_t channels = a.op == "Conv" ? y[1] : y.back();
    in.push_back(a.bias ? builder.constant(testing::random_tensor(DType::Float, {channels}, rng)) : ir::ValueId{});
    if (a.residual) in.push_back(builder.input(y));
    builder.graph.add_output(builder.node("inc." + a.op, in, attrs));
    real = builder.graph;
    graph = testing::in_bf16(real);
    inputs = builder.inputs();
  }
};

ir::Tensor magnitude(const ir::Tensor& t) {
  std::vector<float> values = t.to_floats();
  for (float& v : values) v = std::abs(static_cast<float>(BFloat16(v)));
  return ir::Tensor::of<float>(t.shape(), values);
}

/// The same group on magnitudes, without its activation: the sum of |x| · |w| and of what is added.
ir::Graph on_magnitudes(const ir::Graph& from) {
  ir::Graph to;
  to.opset = from.opset;
  std::map<ir::ValueId, ir::ValueId> made;
  for (const ir::ValueId v : from.inputs()) made[v] = to.add_input(from.value(v).name, from.value(v).type);
  const ir::Node& node = from.node(from.topological_order().front());
  ir::NodeSpec spec{node.op, {}, node.attrs, node.name, {from.value(node.outputs[0]).type}, {}};
  spec.attrs.set("activation", std::string("none"));
  for (const ir::ValueId v : node.inputs) {
    const ir::Tensor* constant = from.constant(v);
    spec.inputs.push_back(v.none()              ? v
                          : constant != nullptr ? to.add_constant(from.value(v).name, magnitude(*constant))
                                                : made.at(v));
  }
  to.add_output(to.add_node(spec)[0]);
  return to;
}

TEST_P(Bf16Anchor, StaysWithinTheStatedBound) {
  const auto found = run(onednn::make_adaptor(), graph, inputs)[0].to_floats();
  const auto expected = run(reference::make_adaptor(), graph, inputs)[0].to_floats();
  std::vector<ir::Tensor> sizes;
  for (const auto& t : inputs) sizes.push_back(magnitude(t));
  const auto sums = run(reference::make_adaptor(), on_magnitudes(real), sizes)[0].to_floats();
  const auto additions = static_cast<double>(GetParam().depth() + 3);
  constexpr double kSlope = 1.13;  // of the steepest activation, GELU
  double worst = 0;
  int apart = 0, well_conditioned = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double f = static_cast<double>(found[i]), e = static_cast<double>(expected[i]);
    const double order = kSlope * additions * 0x1p-24 * static_cast<double>(sums[i]) + 4 * 0x1p-23 * std::abs(e);
    const double step = std::ldexp(1.0, std::ilogb(std::max(std::abs(f), std::abs(e)) + 0x1p-126) - 7);
    const bool likely_equal = std::sqrt(additions) * 0x1p-24 * static_cast<double>(sums[i]) < step / 64;
    well_conditioned += likely_equal;
    apart += likely_equal && f != e;
    worst = std::max(worst, std::abs(f - e) / step);
    ASSERT_LE(std::abs(f - e), step + order) << "element " << i << ": " << f << " found, " << e << " expected";
  }
  EXPECT_LE(apart, 2 + well_conditioned / 50) << "of " << well_conditioned << ", worst " << worst << " steps";
}

TEST_P(Bf16Anchor, ComputesTheSameWithOneAndTwoThreads) {
  const auto engine = onednn::make_adaptor()->prepare(graph);
  set_threads(1);
  const auto one = engine->run(inputs);
  set_threads(2);
  const auto two = engine->run(inputs);
  set_threads(0);
  EXPECT_TRUE(ir::identical(two[0], one[0]));
}

TEST_P(Bf16Anchor, SaysWhatRan) {
  int seen = 0;
  for (const auto& step : onednn::make_adaptor()->prepare(graph)->profile(inputs, 1)) {
    const bool ours = std::ranges::any_of(std::array{"inc:winograd", "inc:stem32", "inc:dense32", "inc:depthwise32"},
                                          [&](const char* name) { return step.kernel.starts_with(name); });
    if (step.op_type != GetParam().op || (!ours && !step.kernel.starts_with("onednn:"))) continue;
    ++seen;
    EXPECT_EQ(step.precision, "bf16");
    EXPECT_EQ(step.emulated, !onednn::has_bf16()) << step.kernel;
    EXPECT_EQ(step.emulated, !step.note.empty());
    if (onednn::has_bf16()) {
      EXPECT_NE(step.kernel.find("bf16"), std::string::npos) << step.kernel;
    }
  }
  EXPECT_EQ(seen, 1);
}

INSTANTIATE_TEST_SUITE_P(All, Bf16Anchor, ::testing::ValuesIn(anchors()), [](const auto& item) { return item.param.name; });

/// INT8 convolution → BF16 convolution with a residual → FP32 head, and an INT8 branch behind BF16.
ir::Graph mixed_network() {
  testing::GroupBuilder b(29);
  Rng rng(31);
  const auto real = [&](ir::Shape shape) { return testing::random_tensor(DType::Float, shape, rng, -0.3, 0.3); };
  testing::GroupSpec spec;
  spec.w = {16, 8, 3, 3};
  const ir::Attrs padded{{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  ir::Attrs relu = padded;
  relu.set("activation", std::string("relu"));
  const ir::ValueId x = b.through_8_bits(b.input({2, 8, 10, 10}), DType::UInt8, 128, 1.0f / 128);
  const ir::ValueId first = b.node("inc.Conv", {x, b.weight(spec), b.constant(real({16}))}, relu);
  const ir::ValueId low = testing::cast(b.graph, first, DType::BFloat16);
  const ir::ValueId w = b.constant(testing::to_bf16(real({16, 16, 3, 3}))), c = b.constant(testing::to_bf16(real({16})));
  const ir::ValueId second = b.node("inc.Conv", {low, w, c, low}, relu);
  const ir::ValueId wide = testing::cast(b.graph, b.node("Sigmoid", {second}), DType::Float);
  spec.w = {24, 16, 3, 3};
  const ir::ValueId third = b.node("Conv", {b.through_8_bits(wide, DType::UInt8, 0, 1.0f / 255), b.weight(spec)}, padded);
  b.graph.add_output(b.node("GlobalAveragePool", {third}));
  b.graph.add_output(b.node("Softmax", {b.node("Flatten", {wide})}));
  return b.graph;
}

TEST(Bf16Network, MixesWithInt8AndFp32) {
  const ir::Graph graph = mixed_network();
  Rng rng(37);
  const auto inputs = testing::random_inputs(graph, rng);
  const auto engine = onednn::make_adaptor()->prepare(graph);
  const auto found = engine->run(inputs), expected = run(reference::make_adaptor(), graph, inputs);
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Nmse{kOneStepEverywhere}));
  std::set<std::string> precisions;
  for (const auto& step : engine->profile(inputs, 1)) precisions.insert(step.precision);
  EXPECT_EQ(precisions, (std::set<std::string>{"bf16", "fp32", "int8"}));
}

TEST(Bf16Network, TakesBf16StraightFromInt8Groups) {
  for (const bool residual : {false, true})
    for (const std::string op : {"Conv", "MatMul"}) {
      testing::GroupBuilder b(43);
      testing::GroupSpec spec;
      spec.op = op;
      if (op == "MatMul") spec.x = {5, 32}, spec.w = {32, 24}, spec.channel_axis = 1;
      Rng rng(47);
      std::vector<ir::ValueId> in{b.through_8_bits(b.input(spec.x), DType::UInt8, 128, 1.0f / 128), b.weight(spec),
                                  b.constant(testing::random_tensor(DType::Float, {b.outputs(spec)}, rng))};
      if (residual) in.push_back(b.node("Neg", {b.input(b.output_shape("inc." + op, in, {}))}));
      const ir::ValueId y = b.node("inc." + op, in, {{"activation", std::string("relu")}});
      b.graph.add_output(testing::cast(b.graph, y, DType::BFloat16));
      const auto inputs = b.inputs();
      const auto engine = onednn::make_adaptor()->prepare(b.graph);
      EXPECT_TRUE(testing::agree(engine->run(inputs)[0], run(reference::make_adaptor(), b.graph, inputs)[0],
                                 testing::Nmse{kOneStepEverywhere / 16}));
      int casts = 0;
      for (const auto& step : engine->profile(inputs, 1)) casts += step.op_type == "Cast";
      EXPECT_EQ(casts == 0, onednn::has_bf16() && !residual) << op;
    }
}

TEST(Bf16Network, DeliversEveryValueAsTheOracleComputesIt) {
  const ir::Graph graph = mixed_network();
  Rng rng(41);
  const auto inputs = testing::random_inputs(graph, rng);
  const auto collect = [&](const runtime::Executable& executable) {
    std::map<ir::ValueId, ir::Tensor> seen;
    runtime::TapSink tap;
    for (const ir::ValueId v : graph.values()) tap.wanted.insert(v);
    tap.on_value = [&](ir::ValueId v, const ir::Tensor& t) { EXPECT_TRUE(seen.emplace(v, t).second); };
    executable.run(inputs, tap);
    return seen;
  };
  const auto found = collect(*onednn::make_adaptor()->prepare(graph));
  for (const auto& [value, tensor] : collect(*reference::make_adaptor()->prepare(graph))) {
    ASSERT_TRUE(found.contains(value)) << graph.value(value).name;
    if (is_float(tensor.dtype()))
      EXPECT_TRUE(testing::agree(found.at(value), tensor, testing::Nmse{kOneStepEverywhere})) << graph.value(value).name;
    else
      EXPECT_TRUE(testing::agree(found.at(value), tensor, testing::QStep{1, 1})) << graph.value(value).name;
  }
}

TEST(Bf16Network, KeepsNotANumberAndInfinity) {
  const ir::Graph graph = testing::in_bf16(onnx_io::import_text(
      "g (float[8] x) => (float[8] y, float[8] z) <float[8] one = {1,1,1,1,1,1,1,1}> { y = Mul(x, one) z = Neg(x) }"));
  const float inf = std::numeric_limits<float>::infinity();
  const auto x = ir::Tensor::of<float>({8}, {inf, -inf, std::nanf(""), 0.0f, -0.0f, 3.4e38f, 1e-40f, 1.00390625f});
  const auto found = run(onednn::make_adaptor(), graph, {x}), expected = run(reference::make_adaptor(), graph, {x});
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{}));
}

}  // namespace
}  // namespace inc
