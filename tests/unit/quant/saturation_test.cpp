#include "core/quant/saturation.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/ops/ops.h"
#include "tests/unit/quant/graphs.h"

namespace inc::quant {
namespace {

ir::Tensor int8_tensor(const ir::Shape& shape, std::uint64_t seed, int limit = 127) {
  Rng rng(seed);
  ir::Tensor t(DType::Int8, shape);
  for (std::int64_t i = 0; i < t.count(); ++i)
    t.mutable_data<std::int8_t>()[i] =
        static_cast<std::int8_t>(static_cast<int>(rng.below(static_cast<std::uint64_t>(2 * limit + 1))) - limit);
  return t;
}

ir::Tensor uint8_tensor(const ir::Shape& shape, std::uint64_t seed) {
  Rng rng(seed);
  ir::Tensor t(DType::UInt8, shape);
  for (std::int64_t i = 0; i < t.count(); ++i)
    t.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(255 - rng.below(100));
  return t;
}

/// x → Q → DQ → anchor with a weight behind a DequantizeLinear.
struct Quantized : Builder {
  ir::ValueId scale = graph.add_constant("scale", ir::Tensor::scalar(0.5f));
  ir::ValueId zero = graph.add_constant("zero", ir::Tensor::scalar<std::uint8_t>(128));

  ir::ValueId data(ir::ValueId x, const ir::Shape& shape, const std::string& name) {
    const auto q = node("QuantizeLinear", name + "_q", {x, scale, zero}, shape, {}, DType::UInt8);
    return node("DequantizeLinear", name + "_dq", {q, scale, zero}, shape);
  }
  ir::ValueId int8_weight(const std::string& name, const ir::Tensor& q) {
    return node("DequantizeLinear", name, {graph.add_constant(name + "_q", q), scale}, q.shape());
  }
};

/// Sums of an im2col with channels innermost, each saturating and exact; the loss is their difference.
std::vector<float> losses_of_convolution(const ir::Tensor& x, const ir::Tensor& w, const ir::Shape& y, std::int64_t stride,
                                         std::int64_t pad, std::int64_t dilation, std::int64_t groups, std::uint8_t zero) {
  const auto &xs = x.shape(), &ws = w.shape();
  std::vector<float> out;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t o = 0; o < y[1]; ++o)
      for (std::int64_t h = 0; h < y[2]; ++h)
        for (std::int64_t v = 0; v < y[3]; ++v) {
          std::vector<std::uint8_t> a;
          std::vector<std::int8_t> b;
          std::int32_t exact = 0;
          for (std::int64_t kh = 0; kh < ws[2]; ++kh)
            for (std::int64_t kw = 0; kw < ws[3]; ++kw)
              for (std::int64_t i = 0; i < ws[1]; ++i) {
                const std::int64_t r = h * stride - pad + kh * dilation, c = v * stride - pad + kw * dilation;
                const bool inside = r >= 0 && r < xs[2] && c >= 0 && c < xs[3];
                const std::int64_t channel = o / (ws[0] / groups) * ws[1] + i;
                a.push_back(inside ? x.data<std::uint8_t>()[((n * xs[1] + channel) * xs[2] + r) * xs[3] + c] : zero);
                b.push_back(w.data<std::int8_t>()[((o * ws[1] + i) * ws[2] + kh) * ws[3] + kw]);
                exact += a.back() * b.back();
              }
          out.push_back(static_cast<float>(ops::saturating_dot(a, b) - exact));
        }
  return out;
}

std::vector<float> evaluated(const ir::Attrs& attrs, const std::vector<ir::Tensor>& inputs) {
  ir::Node node;
  node.op = "inc.PairLoss";
  node.attrs = attrs;
  for (std::uint32_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(ir::ValueId{i});
  node.outputs.resize(1);
  return ops::evaluate(node, inputs, 21)[0].to_floats();
}

TEST(PairLoss, OfConvolutionsIsThatOfEverySum) {
  struct Case {
    ir::Shape x, w;
    std::int64_t stride, pad, dilation, groups;
  };
  for (const Case& c : {Case{{2, 6, 7, 9}, {4, 6, 3, 3}, 1, 1, 1, 1}, Case{{1, 5, 8, 8}, {3, 5, 2, 3}, 2, 0, 1, 1},
                        Case{{1, 8, 9, 9}, {6, 4, 3, 3}, 1, 2, 2, 2}, Case{{1, 1, 9, 6}, {5, 1, 4, 4}, 2, 1, 1, 1},
                        Case{{2, 16, 3, 3}, {8, 16, 1, 1}, 1, 0, 1, 1}}) {
    const auto x = uint8_tensor(c.x, 1);
    const auto w = int8_tensor(c.w, 2);
    const ir::Attrs attrs{{"layout", std::string("conv")},
                          {"strides", std::vector<std::int64_t>{c.stride, c.stride}},
                          {"pads", std::vector<std::int64_t>(4, c.pad)},
                          {"dilations", std::vector<std::int64_t>{c.dilation, c.dilation}},
                          {"group", c.groups}};
    const auto extent = [&](std::size_t d) { return (c.x[d] + 2 * c.pad - (c.w[d] - 1) * c.dilation - 1) / c.stride + 1; };
    const auto expected =
        losses_of_convolution(x, w, {c.x[0], c.w[0], extent(2), extent(3)}, c.stride, c.pad, c.dilation, c.groups, 200);
    const auto found =
        evaluated(attrs, {x, ir::Tensor::scalar(1.0f), w, ir::Tensor::scalar(1.0f), ir::Tensor::scalar<std::uint8_t>(200)});
    EXPECT_EQ(found, expected);
    EXPECT_NE(expected, std::vector<float>(expected.size(), 0.0f));
  }
}

TEST(PairLoss, OfProductsFollowsTheLayoutOfBothSides) {
  const auto x = uint8_tensor({5, 9}, 3), w = int8_tensor({9, 4}, 4);
  ir::Tensor x_turned(DType::UInt8, {9, 5}), w_turned(DType::Int8, {4, 9});
  for (std::int64_t i = 0; i < 45; ++i) x_turned.mutable_data<std::uint8_t>()[i % 9 * 5 + i / 9] = x.data<std::uint8_t>()[i];
  for (std::int64_t i = 0; i < 36; ++i) w_turned.mutable_data<std::int8_t>()[i % 4 * 9 + i / 4] = w.data<std::int8_t>()[i];
  std::vector<float> expected;
  for (std::int64_t m = 0; m < 5; ++m)
    for (std::int64_t n = 0; n < 4; ++n) {
      const std::span a(x.data<std::uint8_t>() + m * 9, 9);
      const std::span b(w_turned.data<std::int8_t>() + n * 9, 9);
      std::int32_t exact = 0;
      for (std::size_t k = 0; k < 9; ++k) exact += a[k] * b[k];
      expected.push_back(static_cast<float>(ops::saturating_dot(a, b) - exact) * 0.5f * static_cast<float>(1 << n));
    }
  const auto scale = ir::Tensor::scalar(0.5f), scales = ir::Tensor::of<float>({4}, {1, 2, 4, 8});
  EXPECT_EQ(evaluated({{"layout", std::string("matmul")}}, {x, scale, w, scales}), expected);
  const std::int64_t one = 1;
  EXPECT_EQ(
      evaluated({{"layout", std::string("gemm")}, {"transA", one}, {"transB", one}}, {x_turned, scale, w_turned, scales}),
      expected);
  for (float& v : expected) v *= 2;
  EXPECT_EQ(evaluated({{"layout", std::string("gemm")}, {"alpha", 2.0f}}, {x, scale, w, scales}), expected);
}

TEST(PairLoss, ShiftsSignedDataToUnsigned) {
  const auto x = uint8_tensor({3, 8}, 3), w = int8_tensor({8, 4}, 4);
  ir::Tensor shifted(DType::Int8, {3, 8});
  for (std::int64_t i = 0; i < 24; ++i)
    shifted.mutable_data<std::int8_t>()[i] = static_cast<std::int8_t>(x.data<std::uint8_t>()[i] - 128);
  const auto one = ir::Tensor::scalar(1.0f);
  EXPECT_EQ(evaluated({{"layout", std::string("matmul")}}, {shifted, one, w, one}),
            evaluated({{"layout", std::string("matmul")}}, {x, one, w, one}));
}

TEST(SaturationReport, NamesPairsThatCanLeaveInt16) {
  Quantized b;
  const auto x = b.input("x", {2, 4});
  const auto safe = ir::Tensor::of<std::int8_t>({4, 2}, {64, 127, 64, -127, 1, 1, 127, -128});
  const auto risky = ir::Tensor::of<std::int8_t>({4, 2}, {64, 0, 65, 0, -100, 0, -100, 0});
  b.output(b.node("MatMul", "a", {b.data(x, {2, 4}, "xa"), b.int8_weight("wa", safe)}, {2, 2}));
  const auto last = b.node("MatMul", "b", {b.data(x, {2, 4}, "xb"), b.int8_weight("wb", risky)}, {2, 2});
  b.output(last);
  const auto report = saturation_report(b.graph);
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[0].at_risk, 0);
  EXPECT_EQ(report[0].worst_sum, 255 * 128);
  EXPECT_EQ(report[1], (SaturationRow{b.id(last), "b_node", "MatMul", 4, 2, -255 * 200, 255, ""}));
  EXPECT_EQ(describe(report), "1 of 2 INT8 operators can saturate on a CPU without VNNI: 'b_node' (MatMul, 2 of 4 pairs)");
}

TEST(SaturationReport, KnowsWhatAnActivationLetsThrough) {
  Quantized b;
  const auto x = b.input("x", {2, 4});
  const auto top = b.graph.add_constant("top", ir::Tensor::scalar(36.0f)), none = ir::ValueId{};
  const auto clipped = b.node("Clip", "clipped", {x, none, top}, {2, 4});
  const auto w = ir::Tensor::of<std::int8_t>({4, 1}, {80, 80, 0, 0});
  b.output(b.node("MatMul", "a", {b.data(clipped, {2, 4}, "c"), b.int8_weight("w", w)}, {2, 1}));
  const auto report = saturation_report(b.graph);
  EXPECT_EQ(report.at(0).highest_input, 128 + 72);
  EXPECT_EQ(report.at(0).at_risk, 0);
  EXPECT_EQ(report.at(0).worst_sum, 200 * 160);
}

TEST(SaturationReport, LeavesOutWhatEnginesWiden) {
  Quantized b;
  const auto image = b.input("x", {1, 4, 5, 5});
  const auto x = b.data(image, {1, 4, 5, 5}, "x");
  b.output(b.node("Conv", "d", {x, b.int8_weight("wd", int8_tensor({4, 1, 3, 3}, 1))}, {1, 4, 3, 3},
                  {{"group", std::int64_t{4}}}));
  b.output(b.node("Conv", "u", {x, b.int8_weight("wu", uint8_tensor({2, 4, 3, 3}, 1))}, {1, 2, 3, 3}));
  const auto report = saturation_report(b.graph);
  ASSERT_EQ(report.size(), 2u);
  for (const auto& row : report) {
    EXPECT_EQ(row.at_risk, 0);
    EXPECT_NE(row.note, "");
  }
  EXPECT_EQ(describe(report), "");
}

TEST(WithSaturation, AddsLossesBeforeActivationAndResidual) {
  Quantized b;
  const auto image = b.input("x", {1, 4, 5, 5});
  const auto x = b.data(image, {1, 4, 5, 5}, "x");
  const auto plain = b.node("Conv", "p", {x, b.int8_weight("wp", int8_tensor({2, 4, 3, 3}, 1))}, {1, 2, 3, 3});
  const auto fused = b.node("inc.Conv", "f", {x, b.int8_weight("wf", int8_tensor({2, 4, 3, 3}, 2)), {}, plain}, {1, 2, 3, 3},
                            {{"activation", std::string("relu")}});
  b.output(fused);
  const Saturating out = with_saturation(b.graph);
  out.graph.verify();
  ASSERT_EQ(out.losses.size(), 2u);
  const ir::Node& p = out.graph.node(b.id(plain));
  EXPECT_EQ(p.op, "inc.Conv");
  EXPECT_EQ(p.inputs.at(3), out.losses[0].second);
  const ir::Node* sum = out.graph.producer(out.graph.node(b.id(fused)).inputs.at(3));
  ASSERT_NE(sum, nullptr);
  EXPECT_EQ(sum->inputs, (std::vector<ir::ValueId>{plain, out.losses[1].second}));
}

TEST(WithSaturation, LeavesBoundedWeightsAlone) {
  Builder b;
  const auto x = b.input("x", {1, 4, 8, 8});
  b.output(b.node("Conv", "c", {x, b.weight("cw", {4, 4, 3, 3})}, {1, 4, 6, 6}));
  const ir::Graph own = quantized(b.graph);
  EXPECT_EQ(saturation_report(own).at(0).at_risk, 0);
  const Saturating out = with_saturation(own);
  EXPECT_TRUE(out.losses.empty());
  EXPECT_EQ(nodes_of(out.graph), nodes_of(own));
}

TEST(PairOrderOf, WeightsBehindDequantizeLinearHaveOneToo) {
  Quantized b;
  const auto image = b.input("x", {1, 4, 5, 5});
  const auto y = b.node("Conv", "d", {image, b.int8_weight("w", int8_tensor({4, 1, 3, 3}, 1))}, {1, 4, 3, 3},
                        {{"group", std::int64_t{4}}});
  EXPECT_EQ(pair_order(b.graph, b.graph.node(b.id(y))), PairOrder::None);
}

}  // namespace
}  // namespace inc::quant
