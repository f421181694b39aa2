// Small nets from text to quantized ONNX and back: every engine agrees at every stage.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "adaptors/reference/adaptor.h"
#include "core/calib/calibrator.h"
#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "core/quant/placement.h"
#include "core/tuning/space.h"
#include "tests/support/approx.h"
#include "tests/support/random.h"

namespace inc {
namespace {

using namespace inc::testing;

struct Net {
  const char* name;
  const char* text;
  std::size_t anchors;
};

const Net kNets[] = {
    {"Mlp",
     R"(g (float[N,16] x) => (float[N,5] y) <float[16,32] w1, float[32] b1, float[32,24] w2, float[24] b2, float[24,5] w3> {
        a = MatMul(x, w1)  b = Add(a, b1)  c = Relu(b)  d = Gemm(c, w2, b2)  e = Relu(d)  y = MatMul(e, w3) })",
     3},
    {"ConvNet",
     R"(g (float[N,3,16,16] x) => (float[N,10] y) <float[8,3,3,3] w1, float[8] b1, float[16,8,3,3] w2, float[16] b2, float[256,10] w3, int64[2] s = {-1, 256}> {
        a = Conv<pads=[1,1,1,1]>(x, w1, b1)  b = Relu(a)  c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)
        d = Conv<pads=[1,1,1,1]>(c, w2, b2)  e = Relu(d)  f = MaxPool<kernel_shape=[2,2], strides=[2,2]>(e)
        h = Reshape(f, s)  y = MatMul(h, w3) })",
     3},
    {"Residual",
     R"(g (float[N,8,8,8] x) => (float[N,4] y) <float[8,8,3,3] w1, float[8] b1, float[8,8,3,3] w2, float[8] b2, float[8,8,1,1] w0, float[8] b0, float[8,4] w3> {
        p = Conv(x, w0, b0)  q = Relu(p)
        a = Conv<pads=[1,1,1,1]>(q, w1, b1)  b = Relu(a)  c = Conv<pads=[1,1,1,1]>(b, w2, b2)  d = Add(c, q)  e = Relu(d)
        f = GlobalAveragePool(e)  h = Flatten(f)  y = MatMul(h, w3) })",
     4},
    {"Depthwise",
     R"(g (float[N,8,9,9] x) => (float[N,6,5,5] y) <float[8,1,3,3] w1, float[8] b1, float[6,8,1,1] w2, float[6] b2, float lo = {0}, float hi = {6}> {
        a = Conv<pads=[1,1,1,1], strides=[2,2], group=8>(x, w1, b1)  b = Clip(a, lo, hi)  c = Conv(b, w2, b2)  y = Clip(c, lo, hi) })",
     2},
    {"Transformer",
     R"(g (float[N,6,16] x) => (float[N,6,16] y) <float[16,16] wq, float[16,16] wk, float[16,16] wv, float[16,16] wo, float[16] bo,
          float[16,32] w1, float[32] b1, float[32,16] w2, float[16] b2, float[16] g1, float[16] n1, float s = {4}, float half = {0.5}, float one = {1}, float r = {1.4142135}> {
        q = MatMul(x, wq)  k = MatMul(x, wk)  v = MatMul(x, wv)  kt = Transpose<perm=[0,2,1]>(k)
        a0 = MatMul(q, kt)  a1 = Div(a0, s)  a = Softmax<axis=-1>(a1)  c = MatMul(a, v)
        o0 = MatMul(c, wo)  o1 = Add(o0, bo)  o = Add(o1, x)  h = LayerNormalization<axis=-1>(o, g1, n1)
        f0 = MatMul(h, w1)  f1 = Add(f0, b1)  e0 = Div(f1, r)  e1 = Erf(e0)  e2 = Add(e1, one)  e3 = Mul(f1, e2)  f = Mul(e3, half)
        z0 = MatMul(f, w2)  z1 = Add(z0, b2)  y = Add(z1, h) })",
     6},
};

struct Nets : ::testing::TestWithParam<Net> {
  std::unique_ptr<const runtime::Adaptor> engine = onednn::make_adaptor(), oracle = reference::make_adaptor();
  ir::Graph source = onnx_io::import_text(GetParam().text), fused = source;
  std::vector<ir::Tensor> inputs;
  quant::WeightCache weights;

  Nets() {
    passes::fusion_pipeline().run(fused);
    Rng rng(7);
    inputs = random_inputs(fused, rng, 3);
  }
  ir::Graph quantized() {
    const auto ranges = calib::calibrate(fused, *engine->prepare(fused), std::span(&inputs, 1));
    const auto space = tuning::build_space(fused, *engine, {});
    EXPECT_EQ(space.nodes.size(), GetParam().anchors);
    return quant::insert_qdq(fused, space.decode(space.shape.fastest()), ranges, weights);
  }
};

TEST_P(Nets, ComputeTheSameInFp32WhateverRunsThem) {
  const auto expected = oracle->prepare(source)->run(inputs);
  EXPECT_TRUE(agree(engine->prepare(source)->run(inputs)[0], expected[0], Nmse{1e-11}));
  EXPECT_TRUE(agree(engine->prepare(fused)->run(inputs)[0], expected[0], Nmse{1e-11}));
  EXPECT_TRUE(agree(oracle->prepare(fused)->run(inputs)[0], expected[0], Nmse{1e-11}));
}

TEST_P(Nets, RunEveryAnchorInInt8AndAgreeWithTheOracle) {
  const ir::Graph graph = quantized();
  const auto executable = engine->prepare(graph);
  EXPECT_TRUE(agree(executable->run(inputs)[0], oracle->prepare(graph)->run(inputs)[0], Nmse{2e-4}));
  std::size_t int8 = 0;
  for (const auto& step : executable->profile(inputs, 1))
    if (step.precision == "int8" && (step.op_type == "Conv" || step.op_type == "MatMul" || step.op_type == "Gemm")) ++int8;
  EXPECT_EQ(int8, GetParam().anchors);
}

TEST_P(Nets, LoseLittleInInt8) {
  const auto expected = oracle->prepare(fused)->run(inputs);
  EXPECT_LT(nmse(engine->prepare(quantized())->run(inputs)[0], expected[0]), 5e-3);
}

TEST_P(Nets, SurviveExportAndImport) {
  ir::Graph lowered = quantized();
  const auto expected = engine->prepare(lowered)->run(inputs);
  passes::lowering_pipeline().run(lowered);
  ir::Graph again = onnx_io::import_bytes(onnx_io::export_bytes(lowered), {});
  EXPECT_TRUE(agree(oracle->prepare(again)->run(inputs)[0], expected[0], Nmse{2e-4}));
  passes::fusion_pipeline().run(again);
  const auto executable = engine->prepare(again);
  EXPECT_TRUE(agree(executable->run(inputs)[0], expected[0], Nmse{1e-9}));
  std::size_t int8 = 0;
  for (const auto& step : executable->profile(inputs, 1))
    if (step.precision == "int8" && (step.op_type == "Conv" || step.op_type == "MatMul" || step.op_type == "Gemm")) ++int8;
  EXPECT_EQ(int8, GetParam().anchors);
}

INSTANTIATE_TEST_SUITE_P(Small, Nets, ::testing::ValuesIn(kNets), [](const auto& net) { return net.param.name; });

}  // namespace
}  // namespace inc
