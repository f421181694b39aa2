// Groups whose input has its range taken at run time: x → DynamicQuantizeLinear → DequantizeLinear → anchor
//   agree with the literal reading by float rounding, quantized tensors exactly; readers share one quantized tensor;
//   run on integers where that is exact, and say emulated, with the reason, where it is not.
#include <gtest/gtest.h>

#include <limits>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;
using Ints = std::vector<std::int64_t>;

struct Dynamic {
  ir::ValueId q, scale, zero;
};

Dynamic quantize_dynamically(GroupBuilder& b, ir::ValueId x) {
  const ir::Shape shape = *b.graph.value(x).type.concrete();
  const auto out = b.graph.add_node(
      {"DynamicQuantizeLinear",
       {x},
       {},
       "dynamic",
       {ir::TensorType::of(DType::UInt8, shape), ir::TensorType::of(DType::Float, {}), ir::TensorType::of(DType::UInt8, {})},
       {}});
  return {out[0], out[1], out[2]};
}

ir::ValueId read(GroupBuilder& b, const Dynamic& x) {
  return b.node("DequantizeLinear", {x.q, x.scale, x.zero});
}

ir::ValueId anchor(GroupBuilder& b, const GroupSpec& s, ir::ValueId x, Rng& rng) {
  const ir::ValueId bias = s.bias ? b.constant(testing::random_tensor(DType::Float, {b.outputs(s)}, rng)) : ir::ValueId{};
  const bool fused = s.activation != "none" || s.op == "MatMul";
  ir::Attrs attrs = s.attrs;
  if (fused) attrs.set("activation", s.activation);
  return b.node((fused ? "inc." : "") + s.op, {x, b.weight(s), bias}, attrs);
}

std::vector<GroupSpec> shapes() {
  std::vector<GroupSpec> all;
  const auto add = [&](const std::string& name, const std::string& op, ir::Shape x, ir::Shape w, int axis, ir::Attrs attrs) {
    GroupSpec s;
    s.name = name;
    s.op = op;
    s.x = std::move(x);
    s.w = std::move(w);
    s.channel_axis = axis;
    s.attrs = std::move(attrs);
    all.push_back(s);
    s.name += "Relu";
    s.activation = "relu";
    s.bias = false;
    s.per_channel = false;
    all.push_back(s);
    s.name += "Full";
    s.weight_limit = 127;
    all.push_back(s);
  };
  const Ints ones{1, 1, 1, 1};
  add("MatMul", "MatMul", {2, 7, 40}, {40, 24}, 1, {});
  add("MatMulOneRow", "MatMul", {1, 65}, {65, 33}, 1, {});
  add("Gemm", "Gemm", {6, 48}, {21, 48}, 0, {{"transB", std::int64_t{1}}});
  add("Conv3x3", "Conv", {2, 8, 6, 6}, {12, 8, 3, 3}, 0, {{"pads", ones}});
  add("Conv1x1", "Conv", {1, 24, 5, 5}, {17, 24, 1, 1}, 0, {});
  add("ConvGrouped", "Conv", {1, 16, 6, 6}, {16, 8, 3, 3}, 0, {{"group", std::int64_t{2}}, {"pads", ones}});
  add("ConvDepthwise", "Conv", {1, 20, 7, 7}, {20, 1, 3, 3}, 0, {{"group", std::int64_t{20}}, {"pads", ones}});
  add("Conv1d", "Conv", {2, 8, 20}, {16, 8, 5}, 0, {{"pads", Ints{2, 2}}});
  return all;
}

class RunTimeGroup : public ::testing::TestWithParam<GroupSpec> {};

TEST_P(RunTimeGroup, AgreesWithTheLiteralReadingForEveryRange) {
  GroupBuilder b(3);
  Rng rng(8);
  const ir::ValueId x = b.input(GetParam().x);
  b.graph.add_output(anchor(b, GetParam(), read(b, quantize_dynamically(b, x)), rng));
  const auto engine = onednn::make_adaptor()->prepare(b.graph), oracle = reference::make_adaptor()->prepare(b.graph);
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{-1, 1}, {0, 6}, {-9, -2}, {-0.02, 3}, {0, 0}}) {
    const std::vector<ir::Tensor> inputs{testing::random_tensor(DType::Float, GetParam().x, rng, low, high)};
    EXPECT_TRUE(testing::agree(engine->run(inputs)[0], oracle->run(inputs)[0], testing::Nmse{1e-11})) << low << ".." << high;
  }
}

TEST_P(RunTimeGroup, RunsOnIntegersOrSaysWhyNot) {
  GroupBuilder b(3);
  Rng rng(8);
  b.graph.add_output(anchor(b, GetParam(), read(b, quantize_dynamically(b, b.input(GetParam().x))), rng));
  int anchors = 0;
  for (const auto& step : onednn::make_adaptor()->prepare(b.graph)->profile(b.inputs(), 1)) {
    if (step.op_type != GetParam().op) continue;
    ++anchors;
    EXPECT_EQ(step.emulated, !step.note.empty());
    if (onednn::has_vnni() || GetParam().weight_limit <= 63) {
      EXPECT_EQ(step.precision, "int8") << step.kernel << " " << step.note;
    }
  }
  EXPECT_EQ(anchors, 1);
}

INSTANTIATE_TEST_SUITE_P(All, RunTimeGroup, ::testing::ValuesIn(shapes()), [](const auto& item) { return item.param.name; });

TEST(RunTimeScale, IsTakenOnceForAllReaders) {
  GroupSpec s;
  s.op = "MatMul";
  s.x = {3, 40};
  s.w = {40, 24};
  s.channel_axis = 1;
  GroupBuilder b(3);
  Rng rng(8);
  const ir::ValueId x = b.node("Neg", {b.input(s.x)});
  const Dynamic q = quantize_dynamically(b, x);
  for (int i = 0; i < 3; ++i) b.graph.add_output(anchor(b, s, read(b, q), rng));
  b.graph.add_output(read(b, q));
  for (const ir::ValueId v : {q.q, q.scale, q.zero}) b.graph.add_output(v);
  const auto inputs = b.inputs();
  const auto engine = onednn::make_adaptor()->prepare(b.graph);
  const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i < 3)
      EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Nmse{1e-11})) << i;
    else
      EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{})) << i;
  }
  int quantizing = 0;
  for (const auto& step : engine->profile(inputs, 1)) quantizing += step.kernel == "inc:quantize_to_range" ? 1 : 0;
  EXPECT_EQ(quantizing, 1);
}

TEST(RunTimeScale, ThatTheGraphComputesIsTaken) {
  GroupSpec s;
  s.op = "MatMul";
  s.x = {3, 40};
  s.w = {40, 24};
  s.channel_axis = 1;
  GroupBuilder b(3);
  Rng rng(8);
  const Dynamic q = quantize_dynamically(b, b.input(s.x));
  const Dynamic other{q.q, b.node("Mul", {q.scale, b.real(0.5f)}), b.node("Identity", {q.zero})};
  b.graph.add_output(anchor(b, s, read(b, other), rng));
  const auto inputs = b.inputs();
  EXPECT_TRUE(testing::agree(onednn::make_adaptor()->prepare(b.graph)->run(inputs)[0],
                             reference::make_adaptor()->prepare(b.graph)->run(inputs)[0], testing::Nmse{1e-11}));
}

TEST(RunTimeScale, OfAwkwardNumbersIsExact) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& part : std::vector<std::vector<float>>{{0},
                                                                        {-0.0f},
                                                                        {1},
                                                                        {-1},
                                                                        {nan},
                                                                        {nan, 1, -2},
                                                                        {inf, 1},
                                                                        {-inf, 2},
                                                                        {1e-42f},
                                                                        {3e38f, -3e38f},
                                                                        {0.5f, 127.5f, 255}})
    for (const std::int64_t count : {1, 5, 31, 32, 33, 100, 70001}) {
      std::vector<float> x;
      for (std::int64_t i = 0; i < count; ++i) x.push_back(part[static_cast<std::size_t>(i) % part.size()]);
      GroupBuilder b(3);
      const Dynamic q = quantize_dynamically(b, b.input({count}));
      for (const ir::ValueId v : {q.q, q.scale, q.zero}) b.graph.add_output(v);
      const std::vector<ir::Tensor> inputs{ir::Tensor::of<float>({count}, x)};
      const auto found = onednn::make_adaptor()->prepare(b.graph)->run(inputs),
                 expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{})) << part[0] << " " << count << " " << i;
    }
}

struct WeightCase {
  std::string name;
  DType type;
  std::vector<int> zeros;
  int low, high;
  bool matmul_only = false;
};

class WeightsWithZeroPoint : public ::testing::TestWithParam<WeightCase> {};

TEST_P(WeightsWithZeroPoint, AgreeWithTheLiteralReading) {
  const WeightCase& c = GetParam();
  for (const std::string op : {"Gemm", "Conv"}) {
    GroupBuilder b(3);
    Rng rng(8);
    const ir::Shape w = op == "Gemm" ? ir::Shape{12, 40} : ir::Shape{12, 8, 3, 3};
    const auto zero_of = [&](auto tag) {
      using Z = decltype(tag);
      std::vector<Z> values;
      for (const int z : c.zeros) values.push_back(static_cast<Z>(z));
      return ir::Tensor::of<Z>(c.zeros.size() == 1 ? ir::Shape{} : ir::Shape{12}, values);
    };
    const ir::ValueId zero = b.constant(c.type == DType::UInt8 ? zero_of(std::uint8_t{}) : zero_of(std::int8_t{}));
    const ir::ValueId scale =
        c.zeros.size() == 1 ? b.real(0.01f) : b.constant(testing::random_tensor(DType::Float, {12}, rng, 0.002, 0.01));
    const ir::ValueId q = b.constant(testing::random_tensor(c.type, w, rng, c.low, c.high));
    const ir::ValueId weight = b.node("DequantizeLinear", {q, scale, zero}, {{"axis", std::int64_t{0}}});
    const ir::ValueId x =
        b.through_8_bits(b.input(op == "Gemm" ? ir::Shape{5, 40} : ir::Shape{1, 8, 6, 6}), DType::UInt8, 117, 0.013f);
    ir::Attrs attrs = op == "Gemm" ? ir::Attrs{{"transB", std::int64_t{1}}} : ir::Attrs{};
    b.graph.add_output(b.node(op, {x, weight}, attrs));
    const auto inputs = b.inputs();
    const auto engine = onednn::make_adaptor()->prepare(b.graph);
    EXPECT_TRUE(testing::agree(engine->run(inputs)[0], reference::make_adaptor()->prepare(b.graph)->run(inputs)[0],
                               testing::Nmse{1e-11}))
        << op;
    for (const auto& step : engine->profile(inputs, 1)) {
      if (step.op_type != op) continue;
      EXPECT_EQ(step.emulated, !step.note.empty());
      if (onednn::has_vnni() && (!c.matmul_only || op == "Gemm")) {
        EXPECT_EQ(step.precision, "int8") << op << " " << step.kernel << " " << step.note;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, WeightsWithZeroPoint,
    ::testing::Values(WeightCase{"UnsignedMiddle", DType::UInt8, {128}, 0, 256},
                      WeightCase{"UnsignedNarrow", DType::UInt8, {100}, 60, 160},
                      WeightCase{"UnsignedAside", DType::UInt8, {100}, 0, 256, true},
                      WeightCase{"SignedZero", DType::Int8, {0}, -128, 128},
                      WeightCase{"SignedNarrow", DType::Int8, {-5}, -60, 60},
                      WeightCase{"SignedAside", DType::Int8, {-9}, -128, 128, true},
                      WeightCase{
                          "PerChannel", DType::UInt8, {127, 128, 129, 130, 126, 128, 128, 128, 128, 128, 128, 120}, 9, 245}),
    [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace inc
