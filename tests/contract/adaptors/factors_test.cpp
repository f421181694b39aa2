// A Mul by one constant per channel between an operator and QuantizeLinear
//   is part of the operator's group where it alone sees the output, and one step with the quantization otherwise;
//   agrees with the literal reading at every number of channels, on every ISA.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/rng.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;
using Residual = GroupSpec::Residual;
using Ints = std::vector<std::int64_t>;

std::vector<GroupSpec> all_groups() {
  std::vector<GroupSpec> shapes;
  const auto add = [&](const std::string& name, const std::string& op, ir::Shape x, ir::Shape w, int axis, ir::Attrs attrs) {
    GroupSpec s;
    s.name = name;
    s.op = op;
    s.x = std::move(x);
    s.w = std::move(w);
    s.channel_axis = axis;
    s.attrs = std::move(attrs);
    s.factors = true;
    shapes.push_back(s);
  };
  const Ints ones{1, 1, 1, 1};
  for (const std::int64_t c : {1, 3, 7, 8, 12, 16, 17, 24, 33, 72}) {
    const std::string n = std::to_string(c);
    add("Conv3x3To" + n, "Conv", {1, 8, 6, 5}, {c, 8, 3, 3}, 0, {{"pads", ones}});
    add("Conv1x1To" + n, "Conv", {2, 20, 4, 5}, {c, 20, 1, 1}, 0, {});
    add("Depthwise" + n, "Conv", {1, c, 7, 6}, {c, 1, 3, 3}, 0, {{"group", c}, {"pads", ones}});
    add("Grouped" + n, "Conv", {1, 8, 6, 6}, {2 * c, 4, 3, 3}, 0, {{"group", std::int64_t{2}}, {"pads", ones}});
    add("MatMulTo" + n, "MatMul", {2, 3, 40}, {40, c}, 1, {});
    add("GemmTo" + n, "Gemm", {3, 40}, {c, 40}, 0, {{"transB", std::int64_t{1}}});
  }
  add("Conv1d", "Conv", {2, 8, 20}, {18, 8, 5}, 0, {{"pads", Ints{2, 2}}});
  add("Column", "Conv", {2, 8, 20, 1}, {18, 8, 5, 1}, 0, {{"pads", Ints{2, 0, 2, 0}}});
  std::vector<GroupSpec> all;
  for (GroupSpec s : shapes) {
    all.push_back(s);
    s.activation = "relu";
    s.output_zero = 0;
    s.output_scale = 0.1f;
    s.residual = Residual::Quantized;
    s.name += "Residual";
    all.push_back(s);
    s.weight_limit = 127;
    s.residual = Residual::Real;
    s.activation = "hardswish";
    s.output_8_bits = false;
    s.name += "Real";
    all.push_back(s);
  }
  return all;
}

class FactorsGroup : public ::testing::TestWithParam<GroupSpec> {};

TEST_P(FactorsGroup, AgreesWithTheLiteralReading) {
  GroupBuilder builder(11);
  const ir::Graph graph = builder.group(GetParam());
  const auto inputs = builder.inputs();
  const auto engine = onednn::make_adaptor()->prepare(graph);
  const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(graph)->run(inputs);
  if (GetParam().output_8_bits)
    EXPECT_TRUE(testing::agree(found[0], expected[0], testing::QStep{1, 1}));
  else
    EXPECT_TRUE(testing::agree(found[0], expected[0], testing::Nmse{1e-11}));
}

TEST_P(FactorsGroup, HasNoStepForTheMul) {
  if (!onednn::isa_name().starts_with("avx512") && GetParam().attrs.integer("group", 1) > 1)
    GTEST_SKIP() << "the library has no kernel with operands for some of these without AVX512";
  GroupBuilder builder(11);
  const ir::Graph graph = builder.group(GetParam());
  for (const auto& step : onednn::make_adaptor()->prepare(graph)->profile(builder.inputs(), 1)) {
    EXPECT_NE(step.op_type, "Mul") << step.kernel;
    if (step.op_type == GetParam().op && (onednn::has_vnni() || GetParam().weight_limit <= 63)) {
      EXPECT_EQ(step.precision, "int8") << step.kernel << " " << step.note;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FactorsGroup, ::testing::ValuesIn(all_groups()),
                         [](const auto& item) { return item.param.name; });

/// The library's own smooth activation takes longer than a pass of ours, which multiplies and quantizes too; sums of 512 are
/// in our kernel, with everything else.
TEST(Factors, BehindASmoothActivationCostNoPassOfTheLibrary) {
  for (const char* activation : {"gelu", "silu", "sigmoid", "gelu_tanh"})
    for (const std::int64_t depth : {40, 512})
      for (const std::int64_t to : {7, 32, 100}) {
        GroupSpec s;
        s.op = "MatMul";
        s.x = {2, 13, depth}, s.w = {depth, to}, s.channel_axis = 1;
        s.activation = activation;
        s.factors = true;
        GroupBuilder builder(11);
        const ir::Graph graph = builder.group(s);
        const auto inputs = builder.inputs();
        const auto engine = onednn::make_adaptor()->prepare(graph);
        const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(graph)->run(inputs);
        EXPECT_TRUE(testing::agree(found[0], expected[0], testing::QStep{1, 1})) << activation << depth << " " << to;
        if (!onednn::has_vnni()) continue;
        int ours = 0;
        for (const auto& step : engine->profile(inputs, 1))
          ours += (step.kernel == "inc:activate" && step.precision == "int8") || step.kernel.starts_with("inc:integer");
        EXPECT_EQ(ours, 1) << activation << depth << " " << to;
      }
}

struct Case {
  ir::Shape x, factors;
};

TEST(Factors, AreOneStepWithTheQuantizationBehindAnythingElse) {
  for (const Case& c :
       {Case{{2, 5, 7, 3}, {1, 5, 1, 1}}, Case{{2, 5, 7, 3}, {5, 1, 1}}, Case{{2, 9, 20}, {20}}, Case{{2, 9, 20}, {1, 9, 1}},
        Case{{300, 33}, {33}}, Case{{4, 6}, {4, 1}}, Case{{4, 6}, {}}, Case{{70000}, {1}}})
    for (const bool shared : {false, true})
      for (const DType type : {DType::UInt8, DType::Int8}) {
        GroupBuilder b(5);
        Rng rng(3);
        const ir::ValueId y = b.node("Neg", {b.input(c.x)});
        const ir::ValueId f = b.constant(testing::random_tensor(DType::Float, c.factors, rng, 0.2, 3.0));
        const ir::ValueId product = b.node("Mul", {y, f});
        b.graph.add_output(b.quantize(product, type, 11, 0.01f));
        if (shared) b.graph.add_output(b.quantize(y, type, 7, 0.02f));
        const auto inputs = b.inputs();
        const auto engine = onednn::make_adaptor()->prepare(b.graph);
        const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
        for (std::size_t i = 0; i < found.size(); ++i)
          EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{})) << ir::Shape(c.factors).size();
        int quantizing = 0;
        for (const auto& step : engine->profile(inputs, 1)) quantizing += step.kernel == "inc:quantize_lines" ? 1 : 0;
        EXPECT_EQ(quantizing, 1);
      }
}

/// Squeeze-and-excitation: what multiplies each sample's channels is computed.
TEST(Gates, AreOneStepWithTheQuantizationBehindThem) {
  for (const ir::Shape& shape : {ir::Shape{2, 5, 7, 3}, ir::Shape{3, 40, 4, 4}, ir::Shape{1, 9, 20}})
    for (const bool last : {false, true})
      for (const bool first : {false, true})
        for (const DType type : {DType::UInt8, DType::Int8}) {
          GroupBuilder b(5);
          Rng rng(3);
          ir::Shape gates = shape, weight{shape[1], shape[1]};
          for (std::size_t i = 2; i < shape.size(); ++i) gates[i] = 1, weight.push_back(1);
          const ir::ValueId in = b.input(shape), w = b.constant(testing::random_tensor(DType::Float, weight, rng));
          const ir::ValueId x = last ? b.node("Conv", {in, w}) : b.node("Neg", {in});
          const ir::ValueId gate = b.node("Sigmoid", {b.input(gates)});
          const ir::ValueId product = b.node("Mul", first ? std::vector{gate, x} : std::vector{x, gate});
          b.graph.add_output(b.quantize(product, type, 11, 0.01f));
          b.graph.add_output(b.node("Relu", {x}));
          const auto inputs = b.inputs();
          const auto engine = onednn::make_adaptor()->prepare(b.graph);
          const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
          EXPECT_TRUE(testing::agree(found[0], expected[0], testing::QStep{1, 1})) << shape.size() << last;
          int quantizing = 0;
          for (const auto& step : engine->profile(inputs, 1)) quantizing += step.kernel == "inc:quantize_lines" ? 1 : 0;
          EXPECT_EQ(quantizing, 1);
        }
}

TEST(Lines, AreOneStepWithWhatFollows) {
  struct Shift {
    ir::Shape factors, shifts;
    std::size_t steps;
  };
  for (const Shift& c : {Shift{{1, 5, 1, 1}, {5, 1, 1}, 1}, Shift{{5, 1, 1}, {}, 1}, Shift{{}, {1, 5, 1, 1}, 1},
                         Shift{{1}, {1}, 1}, Shift{{5, 1, 1}, {3}, 3}})
    for (const bool relu : {false, true})
      for (const bool quantized : {false, true})
        for (const bool seen : {false, true}) {
          GroupBuilder b(5);
          Rng rng(3);
          const ir::ValueId x = b.node("Neg", {b.input({2, 5, 7, 3})});
          const ir::ValueId f = b.constant(testing::random_tensor(DType::Float, c.factors, rng, 0.2, 3.0));
          const ir::ValueId s = b.constant(testing::random_tensor(DType::Float, c.shifts, rng, -1.0, 1.0));
          const ir::ValueId sum = b.node("Add", {s, b.node("Mul", {x, f})});
          ir::ValueId y = relu ? b.node("Relu", {sum}) : sum;
          if (quantized) y = b.quantize(y, DType::UInt8, 11, 0.01f);
          b.graph.add_output(y);
          if (seen) b.graph.add_output(sum);
          const auto inputs = b.inputs();
          const auto engine = onednn::make_adaptor()->prepare(b.graph);
          const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
          for (std::size_t i = 0; i < found.size(); ++i)
            EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{}));
          if (seen) continue;
          std::size_t lines = 0;
          for (const auto& step : engine->profile(inputs, 1))
            lines += step.op_type == "Mul" || step.op_type == "Add" || step.op_type == "Relu";
          EXPECT_EQ(lines, c.steps == 1 ? 1 : relu ? 3u : 2u) << c.factors.size() << " " << c.shifts.size();
        }
}

TEST(Concat, OfNumbersIsDoneOnBytesWhereOnlyBytesAreWanted) {
  for (const int quantized : {0, 1, 2}) {
    GroupBuilder b(5);
    const ir::ValueId p = b.input({2, 5, 7, 3}), q = b.input({2, 9, 7, 3});
    ir::ValueId x = b.node("Neg", {p}), y = b.node("Neg", {q});
    if (quantized > 0) y = b.through_8_bits(y, DType::UInt8, 100, 0.02f);
    if (quantized > 1) x = b.through_8_bits(x, DType::UInt8, 11, 0.01f);
    b.graph.add_output(b.quantize(b.node("Concat", {x, y}, {{"axis", std::int64_t{1}}}), DType::UInt8, 11, 0.01f));
    b.graph.add_output(b.node("Relu", {x}));
    const auto inputs = b.inputs();
    const auto engine = onednn::make_adaptor()->prepare(b.graph);
    const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{}));
    int quantizing = 0;
    for (const auto& step : engine->profile(inputs, 1)) quantizing += step.op_type == "QuantizeLinear";
    EXPECT_EQ(quantizing, quantized) << "none behind the Concat";
  }
}

TEST(Factors, BehindChannelsInnermostAreExact) {
  GroupSpec s;
  s.op = "Conv";
  s.x = {1, 16, 6, 5};
  s.w = {40, 16, 3, 3};
  s.output_8_bits = false;
  GroupBuilder b(9);
  ir::Graph& graph = b.graph;
  b.group(s);
  const ir::ValueId y = graph.outputs()[0];
  Rng rng(4);
  const ir::ValueId f = b.constant(testing::random_tensor(DType::Float, {1, 40, 1, 1}, rng, 0.2, 3.0));
  graph.add_output(b.quantize(b.node("Mul", {y, f}), DType::UInt8, 128, 0.05f));
  const auto inputs = b.inputs();
  const auto engine = onednn::make_adaptor()->prepare(graph);
  const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found[1], expected[1], testing::QStep{1, 1}));
}

}  // namespace
}  // namespace inc
