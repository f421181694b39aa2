// MatMulInteger and ConvInteger: the same integers as the oracle for every type and zero point, on every ISA; with a Cast
// to FP32 behind them, the same numbers.
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
using Ints = std::vector<std::int64_t>;

struct Case {
  std::string name, op;
  ir::Shape x, w;
  ir::Attrs attrs;
  DType x_type = DType::UInt8, w_type = DType::Int8;
  int limit = 127;  ///< |w - zero point| at most
  int x_zero = 117, w_zero = 0;
  bool zero_at_run_time = false, cast = false;
  bool fast = true;  ///< an integer primitive where sums are exact
};

std::vector<Case> cases() {
  const Ints ones{1, 1, 1, 1};
  const std::vector<Case> shapes{
      {"MatMul", "MatMulInteger", {2, 5, 40}, {40, 24}, {}},
      {"MatMulOneRow", "MatMulInteger", {1, 65}, {65, 33}, {}},
      {"MatMulLong", "MatMulInteger", {3, 2000}, {2000, 17}, {}},
      {"Conv", "ConvInteger", {1, 8, 6, 5}, {12, 8, 3, 3}, {{"pads", ones}}},
      {"ConvGrouped", "ConvInteger", {1, 16, 6, 6}, {16, 8, 3, 3}, {{"group", std::int64_t{2}}, {"pads", ones}}},
      {"ConvDepthwise", "ConvInteger", {2, 20, 7, 7}, {20, 1, 3, 3}, {{"group", std::int64_t{20}}, {"pads", ones}}},
      {"Conv1d", "ConvInteger", {2, 8, 20}, {16, 8, 5}, {{"pads", Ints{2, 2}}}},
  };
  std::vector<Case> all;
  for (const Case& s : shapes) {
    const auto add = [&](Case c, const std::string& suffix) {
      c.name += suffix;
      all.push_back(c);
      c.cast = true;
      c.name += "Cast";
      all.push_back(c);
    };
    add(s, "");
    Case c = s;
    c.limit = 60;
    add(c, "Bounded");
    c.zero_at_run_time = true;
    add(c, "RunTime");
    c = s;
    c.x_type = DType::Int8;
    c.x_zero = -9;
    add(c, "Signed");
    c = s;
    c.w_type = DType::UInt8;
    c.w_zero = 128;
    add(c, "UnsignedWeights");
    c.w_zero = 100;
    c.limit = 155;
    c.fast = false;
    add(c, "WideWeights");
  }
  return all;
}

class IntegerOperator : public ::testing::TestWithParam<Case> {
 protected:
  IntegerOperator() : builder_(21) {
    const Case& c = GetParam();
    GroupBuilder& b = builder_;
    Rng rng(6);
    const ir::ValueId x = b.quantize(b.input(c.x), c.x_type, c.x_zero, 0.01f);
    const int low = c.w_type == DType::UInt8 ? 0 : -128, high = low + 256;
    const ir::ValueId w = b.constant(testing::random_tensor(c.w_type, c.w, rng, std::max(low, c.w_zero - c.limit),
                                                            std::min(high, c.w_zero + c.limit + 1)));
    ir::ValueId zero = b.zero(c.x_type, c.x_zero);
    if (c.zero_at_run_time) {
      zero = b.graph.add_input("zero", ir::TensorType::of(c.x_type, {}));
      zero = b.node("Identity", {zero});
    }
    ir::ValueId y = b.node(c.op, {x, w, zero, b.zero(c.w_type, c.w_zero)}, c.attrs);
    if (c.cast) y = b.node("Cast", {y}, {{"to", std::int64_t{1}}});
    b.graph.add_output(y);
  }
  GroupBuilder builder_;
};

TEST_P(IntegerOperator, ComputesTheSameIntegers) {
  const auto inputs = builder_.inputs();
  const auto engine = onednn::make_adaptor()->prepare(builder_.graph);
  const auto found = engine->run(inputs), expected = reference::make_adaptor()->prepare(builder_.graph)->run(inputs);
  EXPECT_TRUE(testing::agree(found[0], expected[0], testing::Exact{}));
  EXPECT_TRUE(testing::agree(engine->run(inputs)[0], expected[0], testing::Exact{})) << "the second run";
}

TEST_P(IntegerOperator, SaysWhatRan) {
  for (const auto& step : onednn::make_adaptor()->prepare(builder_.graph)->profile(builder_.inputs(), 1)) {
    if (step.op_type != GetParam().op) continue;
    EXPECT_EQ(step.emulated, !step.note.empty());
    const bool bounded = GetParam().limit <= 63 && GetParam().x_type == DType::UInt8;
    if (GetParam().fast && (onednn::has_vnni() || bounded)) {
      EXPECT_EQ(step.precision, "int8") << step.kernel << " " << step.note;
      EXPECT_TRUE(step.kernel.starts_with("onednn:") || step.kernel.starts_with("inc:integer:")) << step.kernel;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, IntegerOperator, ::testing::ValuesIn(cases()),
                         [](const auto& item) { return item.param.name; });

TEST(IntegerOperators, WithZeroPointsPerRowAndColumnIsExact) {
  GroupBuilder b(21);
  Rng rng(6);
  const ir::ValueId x = b.quantize(b.input({5, 40}), DType::UInt8, 100, 0.01f);
  const ir::ValueId w = b.constant(testing::random_tensor(DType::UInt8, {40, 6}, rng, 0, 256));
  const ir::ValueId rows = b.constant(testing::random_tensor(DType::UInt8, {5}, rng, 90, 110));
  const ir::ValueId columns = b.constant(testing::random_tensor(DType::UInt8, {6}, rng, 90, 160));
  b.graph.add_output(b.node("MatMulInteger", {x, w, rows, columns}));
  b.graph.add_output(b.node("MatMulInteger", {x, w, {}, columns}));
  b.graph.add_output(b.node("MatMulInteger", {x, w}));
  const auto inputs = b.inputs();
  const auto found = onednn::make_adaptor()->prepare(b.graph)->run(inputs),
             expected = reference::make_adaptor()->prepare(b.graph)->run(inputs);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(testing::agree(found[i], expected[i], testing::Exact{})) << i;
}

}  // namespace
}  // namespace inc
