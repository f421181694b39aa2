#include <gtest/gtest.h>

#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

constexpr QdqOptions kEverywhere = [] {
  QdqOptions options;
  options.placement = Placement::Everywhere;
  return options;
}();
constexpr QdqOptions kNone{false, false, false, false};

/// x → first conv → … → what the test adds → last conv.
struct Chain : Builder {
  ir::ValueId x = input("x", {1, 4, 8, 8});
  ir::ValueId first = conv("first", x);

  ir::ValueId conv(const std::string& name, ir::ValueId data, ir::ValueId residual = {}) {
    return node("inc.Conv", name, {data, weight(name + "_w", {4, 4, 1, 1}, name.size()), ir::ValueId{}, residual},
                {1, 4, 8, 8});
  }
  std::string input_of(const ir::Graph& q, ir::ValueId of, std::size_t index = 0) const {
    return q.value(q.node(id(of)).inputs.at(index)).name;
  }
};

TEST(SpreadQdq, EverywhereReachesWhatPlacementLeavesOut) {
  Chain c;
  const auto mask = c.graph.add_constant("mask", ir::Tensor::of<float>({1, 4, 1, 1}, {0, -1000000000.0f, 0, 1}));
  const auto masked = c.node("Add", "masked", {c.first, mask}, {1, 4, 8, 8});
  const auto soft = c.node("Softmax", "soft", {masked}, {1, 4, 8, 8});
  c.output(c.conv("last", soft, c.first));
  EXPECT_EQ(values_to_calibrate(c.graph), (std::vector<Watched>{{c.x, 1}, {soft, 1}}));
  EXPECT_EQ(values_to_calibrate(c.graph, Placement::Everywhere),
            (std::vector<Watched>{{c.x, 1}, {c.first, -1}, {masked, -1}, {soft, 1}}));
  RangeTable ranges;
  for (const Watched& w : values_to_calibrate(c.graph, Placement::Everywhere))
    ranges.tensor[{w.value, RangeMethod::MinMax}] = {-1, 1};
  WeightCache cache;
  const ir::Graph q = insert_qdq(c.graph, all_int8(c.graph), ranges, cache, kEverywhere);
  q.verify();
  EXPECT_EQ(c.input_of(q, masked, 0), "first_dequantized");
  EXPECT_EQ(c.input_of(q, masked, 1), "mask_dequantized");
  EXPECT_EQ(c.input_of(q, soft), "masked_dequantized");
  EXPECT_EQ(q.outputs(), c.graph.outputs());
  const ir::Graph usual = quantized(c.graph, kNone);
  EXPECT_EQ(c.input_of(usual, masked, 1), "mask");
  EXPECT_EQ(c.input_of(usual, soft), "masked");
}

TEST(SpreadQdq, EverywhereLeavesInputsThatDecideShapes) {
  Chain c;
  const auto scales = c.graph.add_constant("scales", ir::Tensor::of<float>({4}, {1, 1, 2, 2}));
  const auto resized = c.node("Resize", "resized", {c.first, ir::ValueId{}, scales}, {1, 4, 16, 16});
  c.output(c.conv("last", resized));
  RangeTable ranges;
  for (const Watched& w : values_to_calibrate(c.graph, Placement::Everywhere))
    ranges.tensor[{w.value, RangeMethod::MinMax}] = {-1, 1};
  WeightCache cache;
  const ir::Graph q = insert_qdq(c.graph, all_int8(c.graph), ranges, cache, kEverywhere);
  EXPECT_EQ(c.input_of(q, resized, 0), "first_dequantized");
  EXPECT_EQ(c.input_of(q, resized, 2), "scales");
}

TEST(SpreadQdq, MovementBetweenInt8NeighboursRunsOnLevels) {
  Chain c;
  const auto pool = c.node("MaxPool", "pool", {c.first}, {1, 4, 8, 8});
  const auto turned = c.node("Transpose", "turned", {pool}, {1, 4, 8, 8});
  c.output(c.conv("last", turned));
  const ir::Graph q = quantized(c.graph);
  EXPECT_EQ(c.input_of(q, pool), "first_dequantized");
  EXPECT_EQ(c.input_of(q, turned), "pool_dequantized");
  for (const char* name : {"first", "pool"}) {
    EXPECT_TRUE(
        ir::identical(*q.constant(*q.find_value(std::string(name) + "_scale")), *q.constant(*q.find_value("turned_scale"))));
    EXPECT_TRUE(ir::identical(*q.constant(*q.find_value(std::string(name) + "_zero_point")),
                              *q.constant(*q.find_value("turned_zero_point"))));
  }
  EXPECT_EQ(c.input_of(quantized(c.graph, kNone), pool), "first");
}

TEST(SpreadQdq, StopsWhereAnFp32UserReadsTheValue) {
  Chain c;
  const auto pool = c.node("MaxPool", "pool", {c.first}, {1, 4, 8, 8});
  c.output(c.conv("last", pool));
  c.output(c.node("Softmax", "soft", {pool}, {1, 4, 8, 8}));
  EXPECT_EQ(c.input_of(quantized(c.graph), pool), "first");
}

TEST(SpreadQdq, StopsAtGraphOutputsAndInputs) {
  Chain c;
  const auto pool = c.node("MaxPool", "pool", {c.first}, {1, 4, 8, 8});
  c.output(c.conv("last", pool));
  c.output(pool);
  EXPECT_EQ(c.input_of(quantized(c.graph), pool), "first");

  Chain from_input;
  const auto start = from_input.node("MaxPool", "start", {from_input.x}, {1, 4, 8, 8});
  from_input.output(from_input.conv("last", start));
  EXPECT_EQ(from_input.input_of(quantized(from_input.graph), start), "x");
}

TEST(SpreadQdq, ConcatOfInt8ResultsTakesTheQparamsOfItsResult) {
  Chain c;
  const auto second = c.conv("second", c.x);
  const auto pool = c.node("MaxPool", "pool", {second}, {1, 4, 8, 8});
  const auto joined = c.node("Concat", "joined", {c.first, pool}, {1, 8, 8, 8}, {{"axis", std::int64_t{1}}});
  c.output(c.node("inc.Conv", "last", {joined, c.weight("w", {4, 8, 1, 1})}, {1, 4, 8, 8}));
  const ir::Graph q = quantized(c.graph);
  EXPECT_EQ(c.input_of(q, joined, 0), "first_dequantized");
  EXPECT_EQ(c.input_of(q, joined, 1), "pool_dequantized");
  EXPECT_EQ(c.input_of(q, pool), "second_dequantized");
  QdqOptions off;
  off.through_concat = false;
  EXPECT_EQ(c.input_of(quantized(c.graph, off), joined, 0), "first");
}

TEST(SpreadQdq, ConcatWithAnFp32PartStaysFp32) {
  Chain c;
  const auto soft = c.node("Softmax", "soft", {c.x}, {1, 4, 8, 8});
  const auto joined = c.node("Concat", "joined", {c.first, soft}, {1, 8, 8, 8}, {{"axis", std::int64_t{1}}});
  c.output(c.node("inc.Conv", "last", {joined, c.weight("w", {4, 8, 1, 1})}, {1, 4, 8, 8}));
  EXPECT_EQ(c.input_of(quantized(c.graph), joined, 0), "first");
}

TEST(SpreadQdq, AveragesUseTheirInputsOwnRange) {
  Chain c;
  const auto mean = c.node("GlobalAveragePool", "mean", {c.first}, {1, 4, 1, 1});
  const auto flat = c.node("Flatten", "flat", {mean}, {1, 4});
  c.output(c.node("Gemm", "last", {flat, c.weight("w", {4, 3})}, {1, 3}));
  RangeTable ranges = unit_ranges(c.graph);
  ranges.tensor.at({c.first, RangeMethod::MinMax}) = {0, 4};
  WeightCache cache;
  const ir::Graph q = insert_qdq(c.graph, all_int8(c.graph), ranges, cache);
  EXPECT_EQ(c.input_of(q, mean), "first_dequantized");
  EXPECT_EQ(c.input_of(q, flat), "mean_dequantized");
  EXPECT_FLOAT_EQ(q.constant(*q.find_value("first_scale"))->values<float>()[0], 4.0f / 255);
  EXPECT_FLOAT_EQ(q.constant(*q.find_value("mean_scale"))->values<float>()[0], 2.0f / 255);
}

TEST(SpreadQdq, ResidualOperandsQuantizedForAnotherAnchorAreShared) {
  Chain c;
  const auto middle = c.conv("middle", c.first);
  const auto last = c.conv("last", middle, c.first);
  c.output(last);
  const ir::Graph q = quantized(c.graph);
  EXPECT_EQ(c.input_of(q, last, 3), "first_dequantized");
  EXPECT_EQ(c.input_of(quantized(c.graph, kNone), last, 3), "first");
}

TEST(SpreadQdq, ResidualOperandsMovedFromWhatIsQuantizedArePairsOfTheSameParameters) {
  Chain c;
  const auto middle = c.conv("middle", c.first);
  const auto turned =
      c.node("Transpose", "turned", {c.first}, {1, 4, 8, 8}, {{"perm", std::vector<std::int64_t>{0, 1, 3, 2}}});
  const auto back = c.node("Identity", "back", {turned}, {1, 4, 8, 8});
  const auto last = c.conv("last", middle, back);
  c.output(last);
  const ir::Graph q = quantized(c.graph);
  EXPECT_EQ(c.input_of(q, turned), "first_dequantized");
  EXPECT_EQ(c.input_of(q, back), "turned_dequantized");
  EXPECT_EQ(c.input_of(q, last, 3), "back_dequantized");
  const auto scale = [&](const char* name) { return q.constant(*q.find_value(name))->values<float>()[0]; };
  EXPECT_EQ(scale("back_scale"), scale("first_scale"));
  QdqOptions still = {};
  still.through_movement = false;
  EXPECT_EQ(c.input_of(quantized(c.graph, still), last, 3), "back");
}

TEST(SpreadQdq, ResidualOperandsMovedForOthersTooStayFp32) {
  Chain c;
  const auto middle = c.conv("middle", c.first);
  const auto moved = c.node("Identity", "moved", {c.first}, {1, 4, 8, 8});
  const auto last = c.conv("last", middle, moved);
  c.output(last);
  c.output(moved);
  EXPECT_EQ(c.input_of(quantized(c.graph), last, 3), "moved");
}

TEST(SpreadQdq, ResidualStreamsBetweenMatMulsStayFp32) {
  Builder b;
  const auto x = b.input("x", {2, 4});
  const auto first = b.node("MatMul", "first", {x, b.weight("w0", {4, 4}, 1)}, {2, 4});
  const auto middle = b.node("MatMul", "middle", {first, b.weight("w1", {4, 4}, 2)}, {2, 4});
  const auto last = b.node("inc.MatMul", "last", {middle, b.weight("w2", {4, 4}, 3), ir::ValueId{}, first}, {2, 4});
  b.output(last);
  EXPECT_EQ(quantized(b.graph).node(b.id(last)).inputs[3], first);
}

TEST(SpreadQdq, ResidualOperandsOfFp32AnchorsAndUnquantizedOnesStayFp32) {
  Chain c;
  const auto side = c.conv("side", c.x);
  const auto last = c.conv("last", c.first, side);
  c.output(last);
  EXPECT_EQ(c.input_of(quantized(c.graph), last, 3), "side");
}

TEST(SpreadQdq, ResizeAndPadPassOnlyWhenTheyMakeNoNewLevels) {
  for (const bool nearest : {true, false}) {
    Chain c;
    const auto scales = c.graph.add_constant("scales", ir::Tensor::of<float>({4}, {1, 1, 2, 2}));
    const auto larger = c.node("Resize", "larger", {c.first, ir::ValueId{}, scales}, {1, 4, 16, 16},
                               {{"mode", std::string(nearest ? "nearest" : "linear")}});
    c.output(c.conv("last", larger));
    EXPECT_EQ(c.input_of(quantized(c.graph), larger), nearest ? "first_dequantized" : "first");
  }
  for (const float fill : {0.0f, 1.0f}) {
    Chain c;
    const auto pads = c.graph.add_constant("pads", ir::Tensor::of<std::int64_t>({8}, {0, 0, 1, 1, 0, 0, 1, 1}));
    const auto value = c.graph.add_constant("value", ir::Tensor::scalar(fill));
    const auto padded = c.node("Pad", "padded", {c.first, pads, value}, {1, 4, 10, 10});
    c.output(c.conv("last", padded));
    EXPECT_EQ(c.input_of(quantized(c.graph), padded), fill == 0 ? "first_dequantized" : "first");
  }
}

TEST(SpreadQdq, DeeplyNestedConcatsTakeNoTime) {
  Chain c;
  ir::ValueId v = c.first;
  std::int64_t channels = 4;
  for (int i = 0; i < 40; ++i) {
    channels = i < 20 ? channels * 2 : channels;
    v = c.node("Concat", "join" + std::to_string(i), {v, v}, {1, channels, 8, 8}, {{"axis", std::int64_t{1}}});
  }
  c.output(c.node("inc.Conv", "last", {v, c.weight("w", {1, 4, 1, 1})}, {1, 1, 8, 8}));
  EXPECT_TRUE(quantized(c.graph).find_value("first_quantized").has_value());
}

}  // namespace
}  // namespace inc::quant
