#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

constexpr const char* kConstants =
    "<float[6] g, float[6] b, float[6] c, float[6,18] w, float[18] wb, float[5,6] t, float[12,6] ew, float[9,6] ep, "
    "float[2,6] es, float[4,2,3,3] k, float[4] kb>";

ir::Graph import(int opset, const std::string& inputs, const std::string& nodes) {
  return import_text("<ir_version: 7, opset_import: [\"\" : " + std::to_string(opset) + ", \"com.microsoft\" : 1]> g (" +
                     inputs + ") => (y) " + kConstants + " { " + nodes + " }");
}

struct Case {
  const char *name, *inputs, *fused, *plain;
};

constexpr const char* kX = "float[2,3,6] x";
constexpr const char* kNormal = "y = LayerNormalization<epsilon = 0.001>(s, g, b)";
const std::string kAttention = R"(
  p = MatMul(x, w) q0 = Add(p, wb) parts = Constant<value_ints = [6, 6, 6]>() q, k0, v = Split<axis = -1>(q0, parts)
  heads = Constant<value_ints = [0, 0, 2, 3]>() whole = Constant<value_ints = [0, 0, 6]>()
  q1 = Reshape(q, heads) k1 = Reshape(k0, heads) v1 = Reshape(v, heads)
  q2 = Transpose<perm = [0,2,1,3]>(q1) k2 = Transpose<perm = [0,2,3,1]>(k1) v2 = Transpose<perm = [0,2,1,3]>(v1)
  r = Constant<value_float = 0.57735026>() s0 = MatMul(q2, k2) s1 = Mul(s0, r) )";
const std::string kAttended = R"( a = Softmax<axis = -1>(s2) o = MatMul(a, v2) o1 = Transpose<perm = [0,2,1,3]>(o)
  y = Reshape(o1, whole))";
const std::string kPlain = kAttention + "s2 = Identity(s1)" + kAttended;
const std::string kShort =
    kAttention + R"( m = Constant<value_floats = [0.0, 0.0, -10000.0]>() s2 = Add(s1, m) )" + kAttended;
const std::string kCausal = kAttention + R"(
  m = Constant<value = float[3,3] {0, -10000, -10000, 0, 0, -10000, 0, 0, 0}>() s2 = Add(s1, m) )" +
                            kAttended;

const Case kCases[] = {
    {"Gelu", kX, "y = com.microsoft.Gelu(x)", "y = Gelu(x)"},
    {"BiasGelu", kX, "y = com.microsoft.BiasGelu(x, c)", "s = Add(x, c) y = Gelu(s)"},
    {"FastGelu", kX, "y = com.microsoft.FastGelu(x, c)", R"(s = Add(x, c) y = Gelu<approximate = "tanh">(s))"},
    {"QuickGelu", kX, "y = com.microsoft.QuickGelu<alpha = 2.0>(x)", "s = Add(x, x) t0 = Sigmoid(s) y = Mul(x, t0)"},
    {"SkipLayerNormalization", "float[2,3,6] x, float[2,3,6] z",
     "n, d0, d1, r = com.microsoft.SkipLayerNormalization<epsilon = 0.001>(x, z, g, b, c) y = Add(n, r)",
     "o = Add(x, z) s = Add(o, c) n = LayerNormalization<epsilon = 0.001>(s, g, b) y = Add(n, s)"},
    {"LayerNormalization", "float[2,3,6] s", kNormal, kNormal},
    {"SimplifiedLayerNormalization", kX, "y = SimplifiedLayerNormalization<epsilon = 0.001>(x, g)",
     "y = RMSNormalization<epsilon = 0.001>(x, g)"},
    {"SkipSimplifiedLayerNormalization", "float[2,3,6] x, float[2,3,6] z",
     "y = com.microsoft.SkipSimplifiedLayerNormalization<epsilon = 0.001>(x, z, g)",
     "s = Add(x, z) y = RMSNormalization<epsilon = 0.001>(s, g)"},
    {"EmbedLayerNormalization", "int32[2,4] i, int32[2,4] j",
     "y, l = com.microsoft.EmbedLayerNormalization<epsilon = 0.001>(i, j, ew, ep, es, g, b)",
     "f = Constant<value_ints = [0]>() e = Constant<value_ints = [4]>() p = Slice(ep, f, e, f) a = Gather(ew, i) "
     "d = Gather(es, j) a1 = Add(a, p) s = Add(a1, d) y = LayerNormalization<epsilon = 0.001>(s, g, b)"},
    {"Attention", kX, "y = com.microsoft.Attention<num_heads = 2>(x, w, wb)", kPlain.c_str()},
    {"AttentionOfLengths", kX,
     "l = Constant<value = int32[2] {2, 2}>() y = com.microsoft.Attention<num_heads = 2>(x, w, wb, l)", kShort.c_str()},
    {"AttentionWithMask", kX,
     "l = Constant<value = int32[2,3] {1, 1, 0, 1, 1, 0}>() y = com.microsoft.Attention<num_heads = 2>(x, w, wb, l)",
     kShort.c_str()},
    {"AttentionToThePast", kX, "y = com.microsoft.Attention<num_heads = 2, unidirectional = 1>(x, w, wb)", kCausal.c_str()},
    {"MultiHeadAttention", kX,
     "n0 = Constant<value_ints = [0]>() n6 = Constant<value_ints = [6]>() n12 = Constant<value_ints = [12]>() "
     "n18 = Constant<value_ints = [18]>() last = Constant<value_ints = [2]>() p = MatMul(x, w) "
     "q = Slice(p, n0, n6, last) k0 = Slice(p, n6, n12, last) v = Slice(p, n12, n18, last) "
     "y = com.microsoft.MultiHeadAttention<num_heads = 2>(q, k0, v, wb)",
     kPlain.c_str()},
    {"FusedMatMul", kX, "y = com.microsoft.FusedMatMul<alpha = 0.5, transB = 1>(x, t)",
     "u = Transpose(t) m = MatMul(x, u) h = Constant<value_float = 0.5>() y = Mul(m, h)"},
    {"FusedConv", "float[2,2,5,5] x, float[2,4,5,5] z",
     R"(y = com.microsoft.FusedConv<activation = "LeakyRelu", activation_params = [0.5], pads = [1,1,1,1]>(x, k, kb, z))",
     "q = Conv<pads = [1,1,1,1]>(x, k, kb) s = Add(q, z) y = LeakyRelu<alpha = 0.5>(s)"},
    {"FusedGemm", "float[3,6] x", R"(y = com.microsoft.FusedGemm<activation = "Relu", transB = 1>(x, t))",
     "q = Gemm<transB = 1>(x, t) y = Relu(q)"},
};

class Fused : public ::testing::TestWithParam<std::tuple<Case, int>> {};

TEST_P(Fused, MeansWhatItWasFusedFrom) {
  const auto& [wanted, opset] = GetParam();
  const auto fused = import(opset, wanted.inputs, wanted.fused), plain = import(23, wanted.inputs, wanted.plain);
  Rng rng(3);
  auto inputs = testing::random_inputs(plain, rng);
  for (auto& input : inputs)
    if (is_integer(input.dtype())) input = ir::Tensor::of<std::int32_t>({2, 4}, {0, 1, 1, 0, 1, 0, 0, 1});
  const auto y = testing::run(fused, inputs).front(), expected = testing::run(plain, inputs).front();
  ASSERT_EQ(y.shape(), expected.shape());
  for (std::int64_t i = 0; i < y.count(); ++i)
    EXPECT_NEAR(y.data<float>()[i], expected.data<float>()[i], 2e-6) << "a few roundings of FP32, at " << i;
}

INSTANTIATE_TEST_SUITE_P(Contrib, Fused, ::testing::Combine(::testing::ValuesIn(kCases), ::testing::Values(12, 17, 21)),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + std::string("At") + std::to_string(std::get<1>(test.param));
                         });

TEST(ContribFused, RefusesWhatItHasNoWordsFor) {
  const auto why = [](const std::string& inputs, const std::string& nodes) {
    return failure<UnsupportedError>([&] { import(17, inputs, nodes); });
  };
  EXPECT_THAT(why("float[2,3,6] x, float[2,2,2,4,3] o", "y = com.microsoft.Attention<num_heads = 2>(x, w, wb, , o)"),
              HasSubstr("a cache of keys and values"));
  EXPECT_THAT(why("float[2,3,6] x, int32[2,1,3,3] m", "y = com.microsoft.Attention<num_heads = 2>(x, w, wb, m)"),
              HasSubstr("a mask of rank 4 found"));
  EXPECT_THAT(why("float[2,3,6] x", "n, m = com.microsoft.SkipLayerNormalization(x, x, g) y = Add(n, m)"),
              HasSubstr("output 1"));
  EXPECT_THAT(why("float[2,2,5,5] x", R"(y = com.microsoft.FusedConv<activation = "Softsign">(x, k))"),
              HasSubstr("activation 'Softsign' found"));
  EXPECT_THAT(why("float[2,3,6] x", "y = com.microsoft.MatMulBnb4(x, w)"), HasSubstr("com.microsoft.MatMulBnb4"));
}

}  // namespace
}  // namespace inc::onnx_io
