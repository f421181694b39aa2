#include "core/quant/placement.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

std::string why_not(Builder& b, ir::ValueId output) {
  return quantizable(b.graph, b.graph.node(b.id(output))).why_not();
}

TEST(Quantizable, TakesAnchorsWithConstantWeights) {
  Builder b;
  const auto image = b.input("image", {1, 4, 8, 8}), rows = b.input("rows", {2, 6});
  EXPECT_EQ(why_not(b, b.node("Conv", "c", {image, b.weight("cw", {4, 4, 3, 3})}, {1, 4, 6, 6})), "");
  EXPECT_EQ(why_not(b, b.node("inc.Conv", "f", {image, b.weight("fw", {4, 4, 3, 3})}, {1, 4, 6, 6})), "");
  EXPECT_EQ(why_not(b, b.node("MatMul", "m", {rows, b.weight("mw", {6, 3})}, {2, 3})), "");
  EXPECT_EQ(why_not(b, b.node("Gemm", "g", {rows, b.weight("gw", {6, 3})}, {2, 3})), "");
}

TEST(Quantizable, RefusalsSayWhatIsMissing) {
  Builder b;
  const auto rows = b.input("rows", {2, 6}), other = b.input("other", {6, 3}),
             whole = b.input("whole", {2, 6}, DType::Double);
  const auto constant = b.weight("constant", {2, 6});
  const auto doubles = b.graph.add_constant("doubles", ir::Tensor(DType::Double, {6, 3}));
  EXPECT_EQ(why_not(b, b.node("MatMul", "a", {rows, other}, {2, 3})), "weight is not constant");
  EXPECT_EQ(why_not(b, b.node("MatMul", "b", {constant, b.weight("bw", {6, 3})}, {2, 3})), "data input is constant");
  EXPECT_EQ(why_not(b, b.node("MatMul", "c", {rows, b.weight("cw", {6})}, {2})), "weight has rank 1, at least 2 expected");
  EXPECT_EQ(why_not(b, b.node("MatMul", "d", {rows, doubles}, {2, 3})), "weight is double, float expected");
  EXPECT_EQ(why_not(b, b.node("MatMul", "e", {whole, b.weight("ew", {6, 3})}, {2, 3})),
            "data input is double, float expected");
  EXPECT_EQ(why_not(b, b.node("MatMul", "f", {rows, b.weight("fw", {6, 0})}, {2, 0})), "weight is empty");
  EXPECT_EQ(why_not(b, b.node("Softmax", "g", {rows}, {2, 6})), "operator has no INT8 form");
  EXPECT_EQ(why_not(b, b.node("Unheard", "h", {rows}, {2, 6})), "operator has no INT8 form");
  EXPECT_EQ(why_not(b, b.node("MatMul", "i", {ir::ValueId{}, b.weight("iw", {6, 3})}, {2, 3})),
            "data or weight input is left out");
}

TEST(Quantizable, NamesDecideNothing) {
  Builder plain, odd;
  for (Builder* b : {&plain, &odd}) {
    const std::string prefix = b == &plain ? "" : "mask_softmax_onehot/Quant";
    const auto x = b->input(prefix + "x", {2, 6});
    b->output(b->node("MatMul", prefix + "y", {x, b->weight(prefix + "w", {6, 3})}, {2, 3}));
  }
  EXPECT_EQ(quantizable_nodes(plain.graph).size(), quantizable_nodes(odd.graph).size());
}

TEST(PairOrderOf, FollowsTheLayoutOfTheWeight) {
  Builder b;
  const auto image = b.input("image", {1, 4, 8, 8}), rows = b.input("rows", {2, 6});
  const auto order = [&](ir::ValueId v) { return pair_order(b.graph, b.graph.node(b.id(v))); };
  const ir::Attrs grouped{{"group", std::int64_t{4}}};
  EXPECT_EQ(order(b.node("Conv", "a", {image, b.weight("w0", {8, 4, 3, 3})}, {})), PairOrder::Conv);
  EXPECT_EQ(order(b.node("inc.Conv", "b", {image, b.weight("w1", {4, 1, 3, 3})}, {}, grouped)), PairOrder::None);
  EXPECT_EQ(order(b.node("Conv", "c", {image, b.weight("w2", {8, 1, 3, 3})}, {}, grouped)), PairOrder::Conv);
  EXPECT_EQ(order(b.node("Conv", "d", {image, b.weight("w3", {1, 1, 3, 3})}, {})), PairOrder::Conv);
  EXPECT_EQ(order(b.node("MatMul", "e", {rows, b.weight("w4", {6, 3})}, {})), PairOrder::MatMulKN);
  EXPECT_EQ(order(b.node("Gemm", "f", {rows, b.weight("w5", {6, 3})}, {})), PairOrder::MatMulKN);
  EXPECT_EQ(order(b.node("inc.Gemm", "g", {rows, b.weight("w6", {3, 6})}, {}, {{"transB", std::int64_t{1}}})),
            PairOrder::GemmNK);
}

TEST(ValuesToCalibrate, AreDataInputsAndWhatIsAveraged) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  const auto c = b.node("inc.Conv", "c", {x, b.weight("cw", {4, 4, 3, 3})}, {1, 4, 6, 6});
  const auto p = b.node("GlobalAveragePool", "p", {c}, {1, 4, 1, 1});
  const auto f = b.node("Flatten", "f", {p}, {1, 4});
  b.output(b.node("Gemm", "g", {f, b.weight("gw", {4, 3})}, {1, 3}));
  EXPECT_EQ(values_to_calibrate(b.graph), (std::vector<Watched>{{x, 1}, {c, -1}, {f, 1}}));
}

TEST(ValuesToCalibrate, NameTheAxisThatTheAnchorsSumOver) {
  Builder b;
  const auto image = b.input("image", {1, 4, 8, 4}), tall = b.input("tall", {4, 6}), text = b.input("text", {2, 5, 4});
  b.output(b.node("Conv", "c", {image, b.weight("w0", {4, 4, 3, 3})}, {1, 4, 6, 2}));
  b.output(b.node("Gemm", "g", {tall, b.weight("w1", {4, 3})}, {6, 3}, {{"transA", std::int64_t{1}}}));
  b.output(b.node("inc.MatMul", "m", {text, b.weight("w2", {4, 3})}, {2, 5, 3}));
  EXPECT_EQ(values_to_calibrate(b.graph), (std::vector<Watched>{{image, 1}, {tall, 0}, {text, 2}}));
  b.output(b.node("MatMul", "n", {image, b.weight("w3", {4, 3})}, {1, 4, 8, 3}));
  EXPECT_EQ(values_to_calibrate(b.graph), (std::vector<Watched>{{image, -1}, {tall, 0}, {text, 2}}));
}

}  // namespace
}  // namespace inc::quant
