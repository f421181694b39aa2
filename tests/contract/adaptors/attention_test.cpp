// Attention written out as operators runs as one step wherever nobody looks inside, and gives the numbers of the
// operators one by one: in FP32, in BF16, with an 8-bit result, with 8-bit operands, however heads are split, repeated,
// masked and joined.
#include <gtest/gtest.h>

#include <algorithm>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/reference/adaptor.h"
#include "core/base/parallel.h"
#include "core/ir/patch.h"
#include "core/quant/attention.h"
#include "core/quant/placement.h"
#include "tests/contract/adaptors/bf16.h"
#include "tests/contract/adaptors/group.h"
#include "tests/support/approx.h"

namespace inc {
namespace {

using Ints = std::vector<std::int64_t>;

enum class Mask : std::uint8_t { None, PerKey, Causal };

struct Spec {
  std::string name;
  std::int64_t batch = 2, heads = 4, kept_heads = 4, length = 37, depth = 16;
  Mask mask = Mask::PerKey;
  bool divide = true, key_in_two_steps = false, quantized = false, split = true;
};

constexpr testing::Nmse kFloatRounding{1e-11};
// The operators round the scores to BF16; the step does not.
constexpr testing::Nmse kScoresRoundedOrNot{1e-3};

class Made {
 public:
  explicit Made(const Spec& s) : spec(s), b(11) {
    const ir::ValueId x = b.input({s.batch, s.length, 24});
    const ir::ValueId q = heads(x, s.heads, {0, 2, 1, 3});
    ir::ValueId k = s.key_in_two_steps
                        ? b.node("Transpose", {repeated(heads(x, s.kept_heads, {0, 2, 1, 3}))}, {{"perm", Ints{0, 1, 3, 2}}})
                        : heads(x, s.kept_heads, {0, 2, 3, 1});
    const ir::ValueId v = repeated(heads(x, s.kept_heads, {0, 2, 1, 3}));
    ir::ValueId scores = b.node("MatMul", {q, k});
    scores = s.divide ? b.node("Div", {scores, b.real(4.0f)}) : b.node("Mul", {scores, b.real(0.25f)});
    if (s.mask != Mask::None) scores = b.node("Add", {scores, mask()});
    probabilities = b.node("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
    ir::ValueId y = b.node("MatMul", {probabilities, v});
    if (s.split) {
      y = b.node("Transpose", {y}, {{"perm", Ints{0, 2, 1, 3}}});
      y = b.node("Reshape", {y, ints({s.batch, s.length, s.heads * s.depth})});
    }
    if (s.quantized) y = b.quantize(y, DType::UInt8, 128, 0.02f);
    b.graph.add_output(y);
  }

  Spec spec;
  testing::GroupBuilder b;
  ir::ValueId probabilities;

 private:
  ir::ValueId ints(const Ints& values) {
    return b.constant(ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
  }
  ir::ValueId random(const ir::Shape& shape) { return b.constant(testing::random_tensor(DType::Float, shape, rng_)); }
  /// A projection with its columns split into heads; without `split`, one head and no transposition but the key's.
  ir::ValueId heads(ir::ValueId x, std::int64_t count, const Ints& order) {
    const ir::ValueId y = b.node("MatMul", {x, random({24, count * spec.depth})});
    const ir::ValueId view = b.node("Reshape", {y, ints({spec.batch, spec.length, count, spec.depth})});
    return b.node("Transpose", {view}, {{"perm", order}});
  }
  /// Grouped queries: every kept head serves several heads.
  ir::ValueId repeated(ir::ValueId x) {
    if (spec.kept_heads == spec.heads) return x;
    const std::int64_t times = spec.heads / spec.kept_heads;
    x = b.node("Unsqueeze", {x, ints({2})});
    x = b.node("Expand", {x, ints({1, 1, times, 1, 1})});
    return b.node("Reshape", {x, ints({spec.batch, spec.heads, spec.length, spec.depth})});
  }
  ir::ValueId mask() {
    if (spec.mask == Mask::PerKey) return b.input({spec.batch, 1, 1, spec.length});
    std::vector<float> values;
    for (std::int64_t r = 0; r < spec.length; ++r)
      for (std::int64_t t = 0; t < spec.length; ++t) values.push_back(t <= r ? 0.0f : -1e9f);
    return b.constant(ir::Tensor::of<float>({spec.length, spec.length}, values));
  }
  Rng rng_{5};
};

Spec named(
    const std::string& name, const std::function<void(Spec&)>& change = [](Spec&) {}) {
  Spec s;
  s.name = name;
  change(s);
  return s;
}

std::vector<Spec> specs() {
  return {named("Plain"),
          named("Unmasked", [](Spec& s) { s.mask = Mask::None; }),
          named("Causal", [](Spec& s) { s.mask = Mask::Causal; }),
          named("KeyInTwoSteps", [](Spec& s) { s.key_in_two_steps = true; }),
          named("GroupedQueries", [](Spec& s) { s.key_in_two_steps = true, s.kept_heads = 2, s.mask = Mask::Causal; }),
          named("Multiplied", [](Spec& s) { s.divide = false; }),
          named("HeadsLeftApart", [](Spec& s) { s.split = false; }),
          named("OneHead", [](Spec& s) { s.heads = s.kept_heads = 1, s.batch = 1; }),
          named("ShortDepth", [](Spec& s) { s.depth = 3, s.length = 5; })};
}

int attention_steps(const runtime::Executable& prepared, const std::vector<ir::Tensor>& inputs) {
  int count = 0;
  for (const auto& step : prepared.profile(inputs, 1)) count += step.kernel == "inc:attention" ? 1 : 0;
  return count;
}

/// All attentions in 8 bits, and the anchors before them if they may.
ir::Graph in_8_bits(const ir::Graph& graph, bool anchors, DType type = DType::UInt8) {
  quant::QuantConfig config;
  quant::OpConfig int8{quant::Precision::Int8};
  int8.activation.dtype = type;
  std::set<ir::NodeId> contexts;
  for (const auto& attention : quant::attentions(graph)) {
    contexts.insert(attention.context);
    config.ops.emplace(attention.context, int8);
  }
  if (anchors)
    for (const ir::NodeId id : quant::quantizable_nodes(graph)) config.ops.emplace(id, int8);
  quant::RangeTable ranges;
  for (const auto& watched : quant::values_to_calibrate(graph, quant::Placement::Anchors, contexts))
    ranges.tensor[{watched.value, quant::RangeMethod::MinMax}] = {-5, 6};
  quant::WeightCache weights;
  return quant::insert_qdq(graph, config, ranges, weights, {});
}

/// Probabilities in 8 bits too, as other quantizers write them.
ir::Graph with_8_bit_shares(ir::Graph graph, const ir::Graph& before, DType type) {
  const quant::Attention attention = quant::attentions(before).at(0);
  const ir::Node& context = graph.node(attention.context);
  const ir::TensorType real = graph.value(context.inputs[0]).type;
  ir::Patch patch(graph, "shares");
  const ir::ValueId scale = patch.add_constant("share", ir::Tensor::scalar(1.0f / 255));
  const ir::ValueId zero =
      patch.add_constant("none", type == DType::UInt8 ? ir::Tensor::scalar<std::uint8_t>(0) : ir::Tensor::scalar<std::int8_t>(-128));
  const auto q = patch.add_node({"QuantizeLinear", {context.inputs[0], scale, zero}, {}, "to8", {{type, real.dims}}, {"q8"}});
  const auto back = patch.add_node({"DequantizeLinear", {q[0], scale, zero}, {}, "from8", {real}, {"p8"}});
  patch.replace_input(context.id, 0, back[0]);
  graph.apply(patch);
  return graph;
}

// Where a sum in FP32 comes out on the other side of a tie, one number in many is a step away.
constexpr testing::Nmse kTies{1e-4};

class AttentionStep : public ::testing::TestWithParam<Spec> {};

TEST_P(AttentionStep, GivesTheNumbersOfItsOperators) {
  Made made(GetParam());
  const auto inputs = made.b.inputs();
  const auto found = onednn::make_adaptor()->prepare(made.b.graph);
  EXPECT_EQ(attention_steps(*found, inputs), 1);
  const auto wanted = reference::make_adaptor()->prepare(made.b.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found->run(inputs)[0], wanted[0], kFloatRounding));
}

TEST_P(AttentionStep, GivesTheNumbersOfItsOperatorsInBf16) {
  Made made(GetParam());
  const ir::Graph graph = testing::in_bf16(made.b.graph);
  const auto inputs = made.b.inputs();
  const auto found = onednn::make_adaptor()->prepare(graph);
  EXPECT_EQ(attention_steps(*found, inputs), onednn::has_bf16() ? 1 : 0);
  const auto wanted = reference::make_adaptor()->prepare(graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found->run(inputs)[0], wanted[0], kScoresRoundedOrNot));
}

TEST_P(AttentionStep, GivesTheNumbersOfItsOperatorsIn8Bits) {
  Made made(GetParam());
  const auto inputs = made.b.inputs();
  for (const bool anchors : {false, true})
    for (const DType type : {DType::UInt8, DType::Int8}) {
      const ir::Graph graph = in_8_bits(made.b.graph, anchors, type);
      const auto found = onednn::make_adaptor()->prepare(graph);
      EXPECT_EQ(attention_steps(*found, inputs), 1);
      for (const auto& step : found->profile(inputs, 1)) {
        EXPECT_FALSE(anchors && (step.op_type == "Transpose" || step.op_type == "DequantizeLinear")) << step.name;
        if (step.kernel == "inc:attention") {
          EXPECT_EQ(step.precision, "int8");
        }
      }
      const auto wanted = reference::make_adaptor()->prepare(graph)->run(inputs);
      EXPECT_TRUE(testing::agree(found->run(inputs)[0], wanted[0], kTies)) << anchors << inc::name_of(type);
    }
}

TEST_P(AttentionStep, Takes8BitProbabilities) {
  Made made(GetParam());
  const auto inputs = made.b.inputs();
  for (const DType type : {DType::UInt8, DType::Int8}) {
    const ir::Graph graph = with_8_bit_shares(in_8_bits(made.b.graph, true), made.b.graph, type);
    const auto found = onednn::make_adaptor()->prepare(graph);
    EXPECT_EQ(attention_steps(*found, inputs), 1);
    const auto wanted = reference::make_adaptor()->prepare(graph)->run(inputs);
    EXPECT_TRUE(testing::agree(found->run(inputs)[0], wanted[0], kTies)) << inc::name_of(type);
  }
}

TEST_P(AttentionStep, QuantizesItsResultItselfWhereRowsFillAVector) {
  Spec spec = GetParam();
  spec.quantized = true;
  Made made(spec);
  const auto inputs = made.b.inputs();
  const auto found = onednn::make_adaptor()->prepare(made.b.graph);
  const auto steps = found->profile(inputs, 1);
  const bool apart = std::any_of(steps.begin(), steps.end(), [](const auto& s) { return s.op_type == "QuantizeLinear"; });
  EXPECT_EQ(apart, spec.depth < 16);
  const auto wanted = reference::make_adaptor()->prepare(made.b.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found->run(inputs)[0], wanted[0], testing::QStep{}));
}

TEST_P(AttentionStep, IsNotMadeWhereSomebodyLooksInside) {
  Made made(GetParam());
  made.b.graph.add_output(made.probabilities);
  const auto inputs = made.b.inputs();
  const auto found = onednn::make_adaptor()->prepare(made.b.graph);
  EXPECT_EQ(attention_steps(*found, inputs), 0);
  const auto wanted = reference::make_adaptor()->prepare(made.b.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found->run(inputs)[1], wanted[1], kFloatRounding));
}

TEST_P(AttentionStep, GivesTheSameNumbersForAnyNumberOfThreads) {
  Made made(GetParam());
  const auto inputs = made.b.inputs();
  const auto found = onednn::make_adaptor()->prepare(made.b.graph);
  set_threads(1);
  const auto one = found->run(inputs)[0].to_floats();
  set_threads(2);
  EXPECT_EQ(found->run(inputs)[0].to_floats(), one);
  set_threads(0);
}

INSTANTIATE_TEST_SUITE_P(All, AttentionStep, ::testing::ValuesIn(specs()), [](const auto& item) { return item.param.name; });

}  // namespace
}  // namespace inc
