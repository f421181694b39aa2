#include "core/quant/bias.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "tests/support/run.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

ir::Graph with_shift(const Builder& b, ir::ValueId anchor, const std::vector<float>& shift) {
  QuantConfig config = all_int8(b.graph);
  config.bias_shift[b.id(anchor)] = shift;
  WeightCache cache;
  ir::Graph out = insert_qdq(b.graph, config, unit_ranges(b.graph), cache);
  out.verify();
  return out;
}

/// The result moves by the shift, up to half a step of the integer bias, before and after it.
void expect_moved(const Builder& b, ir::ValueId anchor, const ir::Shape& data, const std::vector<float>& shift,
                  std::int64_t inner) {
  const std::vector<ir::Tensor> x{random_tensor(data, 11)};
  const ir::Graph moved = with_shift(b, anchor, shift);
  const ir::Tensor before = testing::run(quantized(b.graph), x).at(0), after = testing::run(moved, x).at(0);
  EXPECT_EQ(moved.node(b.id(anchor)).name, b.graph.node(b.id(anchor)).name);
  ASSERT_EQ(before.shape(), after.shape());
  const float step = 2.0f / 255 / 64;
  for (std::int64_t i = 0; i < before.count(); ++i) {
    const auto c = static_cast<std::size_t>(i / inner) % shift.size();
    EXPECT_NEAR(after.data<float>()[i] - before.data<float>()[i], shift[c], step) << i;
  }
}

const std::vector<float> kShift{0.25f, -3.0f, 0.125f};

TEST(BiasShift, IsAddedToEachFormOfConvolution) {
  for (const bool has : {true, false})
    for (const char* op : {"Conv", "inc.Conv"}) {
      Builder b;
      const auto x = b.input("x", {1, 4, 5, 5});
      std::vector<ir::ValueId> inputs{x, b.weight("w", {3, 4, 1, 1})};
      if (has) inputs.push_back(b.weight("b", {3}));
      const auto y = b.node(op, "y", inputs, {1, 3, 5, 5});
      b.output(y);
      expect_moved(b, y, {1, 4, 5, 5}, kShift, 25);
      EXPECT_EQ(with_shift(b, y, kShift).node(b.id(y)).op, op);
    }
}

TEST(BiasShift, TurnsAMatMulIntoAGroupWithAnIntegerBias) {
  for (const ir::Shape& weight : {ir::Shape{6, 3}, ir::Shape{2, 6, 3}}) {
    Builder b;
    const auto x = b.input("x", {2, 4, 6});
    const auto y = b.node("MatMul", "y", {x, b.weight("w", weight)}, {2, 4, 3});
    b.output(y);
    expect_moved(b, y, {2, 4, 6}, kShift, 1);
    const ir::Graph q = with_shift(b, y, kShift);
    EXPECT_EQ(q.node(b.id(y)).op, "inc.MatMul");
    EXPECT_EQ(q.constant(*q.find_value("y_node_bias_quantized"))->dtype(), DType::Int32);
  }
}

TEST(BiasShift, FillsTheSlotBetweenWeightAndResidual) {
  Builder b;
  const auto x = b.input("x", {2, 3});
  const auto y = b.node("inc.MatMul", "y", {x, b.weight("w", {3, 3}), ir::ValueId{}, x}, {2, 3});
  b.output(y);
  expect_moved(b, y, {2, 3}, kShift, 1);
  EXPECT_EQ(with_shift(b, y, kShift).node(b.id(y)).inputs[3], with_shift(b, y, {0, 0, 0}).node(b.id(y)).inputs[3]);
}

struct GemmCase {
  const char* what;
  bool has;
  ir::Shape bias;
  ir::Attrs attrs;
  bool integer;
};

TEST(BiasShift, GemmTakesItWhateverItsScalesAndItsBias) {
  for (const GemmCase& c :
       {GemmCase{"none", false, {}, {}, true}, GemmCase{"none, alpha", false, {}, {{"alpha", 0.5f}}, false},
        GemmCase{"none, beta", false, {}, {{"beta", 4.0f}}, false}, GemmCase{"vector", true, {3}, {}, true},
        GemmCase{"matrix", true, {2, 3}, {}, false}, GemmCase{"column", true, {2, 1}, {}, false},
        GemmCase{"scalar", true, {}, {}, true}, GemmCase{"beta", true, {3}, {{"beta", 2.0f}}, false}}) {
    SCOPED_TRACE(c.what);
    Builder b;
    const auto x = b.input("x", {2, 6});
    std::vector<ir::ValueId> inputs{x, b.weight("w", {6, 3})};
    if (c.has) inputs.push_back(b.weight("b", c.bias));
    const auto y = b.node("Gemm", "y", inputs, {2, 3}, c.attrs);
    b.output(y);
    expect_moved(b, y, {2, 6}, kShift, 1);
    const ir::Graph q = with_shift(b, y, kShift);
    EXPECT_EQ(q.constant(q.node(b.id(y)).inputs[2]) == nullptr, c.integer);
  }
}

TEST(BiasShift, LeavesAComputedBiasAndBetaZeroAlone) {
  Builder b;
  const auto x = b.input("x", {2, 6}), computed = b.input("computed", {3});
  const auto first = b.node("Gemm", "first", {x, b.weight("w0", {6, 3}), computed}, {2, 3});
  const auto second = b.node("Gemm", "second", {x, b.weight("w1", {6, 3}, 2)}, {2, 3}, {{"beta", 0.0f}});
  b.output(first);
  b.output(second);
  QuantConfig config = all_int8(b.graph);
  config.bias_shift = {{b.id(first), kShift}, {b.id(second), kShift}};
  WeightCache cache;
  const ir::Graph q = insert_qdq(b.graph, config, unit_ranges(b.graph), cache);
  EXPECT_EQ(q.node(b.id(first)).inputs[2], computed);
  EXPECT_EQ(q.node(b.id(second)).inputs.size(), 2u);
}

TEST(BiasShift, IsIgnoredByAnchorsThatStayInFloat) {
  Builder b;
  const auto y = b.node("MatMul", "y", {b.input("x", {2, 6}), b.weight("w", {6, 3})}, {2, 3});
  b.output(y);
  QuantConfig config;
  config.bias_shift[b.id(y)] = kShift;
  WeightCache cache;
  EXPECT_EQ(nodes_of(insert_qdq(b.graph, config, {}, cache)), nodes_of(b.graph));
}

TEST(BiasShift, RefusesAnotherLengthAndNumbersThatAreNotFinite) {
  Builder b;
  const auto y = b.node("MatMul", "y", {b.input("x", {2, 6}), b.weight("w", {6, 3})}, {2, 3});
  b.output(y);
  EXPECT_THROW(with_shift(b, y, {1, 2}), ConfigError);
  EXPECT_THROW(with_shift(b, y, {1, 2, std::nanf("")}), ConfigError);
}

}  // namespace
}  // namespace inc::quant
