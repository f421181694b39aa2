#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"
#include "tests/support/run.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

std::string header(int opset) {
  return "<ir_version: 7, opset_import: [\"\" : " + std::to_string(opset) + ", \"com.microsoft\" : 1]> ";
}

struct Rotation {
  const char *name, *inputs, *contrib, *standard;
};

/// The operator of ai.onnx, opset 23, is defined by other nodes: it is an independent account of the same turns.
const Rotation kRotations[] = {
    {"Rows", "float[2,5,12] x, int64[2,5] p, float[9,3] c, float[9,3] s", "com.microsoft.RotaryEmbedding(x, p, c, s)",
     "RotaryEmbedding<num_heads = 2>(x, c, s, p)"},
    {"Heads", "float[2,3,5,6] x, int64[2,5] p, float[9,3] c, float[9,3] s", "com.microsoft.RotaryEmbedding(x, p, c, s)",
     "RotaryEmbedding(x, c, s, p)"},
    {"Interleaved", "float[2,5,12] x, int64[2,5] p, float[9,3] c, float[9,3] s",
     "com.microsoft.RotaryEmbedding<interleaved = 1>(x, p, c, s)",
     "RotaryEmbedding<num_heads = 2, interleaved = 1>(x, c, s, p)"},
    {"PartOfAHead", "float[2,3,5,10] x, int64[2,5] p, float[9,3] c, float[9,3] s",
     "com.microsoft.RotaryEmbedding<rotary_embedding_dim = 6, num_heads = 3>(x, p, c, s)",
     "RotaryEmbedding<rotary_embedding_dim = 6>(x, c, s, p)"},
    {"PartOfAHeadInRows", "float[2,5,20] x, int64[2,5] p, float[9,3] c, float[9,3] s",
     "com.microsoft.RotaryEmbedding<rotary_embedding_dim = 6, num_heads = 2, interleaved = 1>(x, p, c, s)",
     "RotaryEmbedding<rotary_embedding_dim = 6, num_heads = 2, interleaved = 1>(x, c, s, p)"},
};

class Rotary : public ::testing::TestWithParam<std::tuple<Rotation, int>> {};

TEST_P(Rotary, TurnsAsTheStandardOperatorDoes) {
  const auto& [rotation, opset] = GetParam();
  const auto make = [&](int version, const char* node) {
    return import_text(header(version) + "g (" + rotation.inputs + ") => (y) { y = " + node + " }");
  };
  const auto graph = make(opset, rotation.contrib), standard = make(23, rotation.standard);
  Rng rng(5);
  auto inputs = testing::random_inputs(standard, rng);
  inputs[1] = ir::Tensor::of<std::int64_t>({2, 5}, {0, 1, 2, 3, 4, 8, 7, 6, 5, 0});
  const auto y = testing::run(graph, inputs).front(), expected = testing::run(standard, inputs).front();
  ASSERT_EQ(y.shape(), expected.shape());
  for (std::int64_t i = 0; i < y.count(); ++i)
    EXPECT_NEAR(y.data<float>()[i], expected.data<float>()[i], 1e-6) << "two roundings of FP32, at " << i;
}

INSTANTIATE_TEST_SUITE_P(Contrib, Rotary, ::testing::Combine(::testing::ValuesIn(kRotations), ::testing::Values(13, 21)),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + std::string("At") + std::to_string(std::get<1>(test.param));
                         });

TEST(ContribDecoder, OnePositionIsThatOfTheFirstToken) {
  const std::string inputs = "g (float[2,3,5,6] x, float[9,3] c, float[9,3] s) => (y) { ";
  const auto first =
      import_text(header(17) + inputs + "p = Constant<value_ints = [4]>() y = com.microsoft.RotaryEmbedding(x, p, c, s) }");
  const auto each = import_text(header(17) + inputs +
                                "p = Constant<value = int64[2,5] {4, 5, 6, 7, 8, 4, 5, 6, 7, 8}>() "
                                "y = com.microsoft.RotaryEmbedding(x, p, c, s) }");
  Rng rng(6);
  const auto given = testing::random_inputs(first, rng);
  EXPECT_EQ(testing::run(first, given).front().to_floats(), testing::run(each, given).front().to_floats());
}

/// x · W for x = the identity, so that the result is the weights, [20, 3]; blocks of 16, the second one of which has 4.
std::vector<float> weights(const std::string& attributes, const std::string& constants, const std::string& inputs) {
  const auto graph = import_text(header(17) + "g (float[20,20] x) => (float[20,3] y) <" + constants +
                                 "> { y = com.microsoft.MatMulNBits<K = 20, N = 3, block_size = 16" + attributes + ">(x, " +
                                 inputs + ") }");
  ir::Tensor identity(DType::Float, {20, 20});
  float* to = identity.mutable_data<float>();
  for (int i = 0; i < 400; ++i) to[i] = i / 20 == i % 20 ? 1.0f : 0.0f;
  return testing::run(graph, std::vector{identity}).front().to_floats();
}

std::string numbers(int count, int (*value)(int)) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + std::to_string(value(i));
  return "{" + text + "}";
}

int byte_at(int i) {
  return i * 37 % 256;
}

constexpr const char* kScales = "float[6] s = {0.5, 0.25, 1.0, 2.0, 0.125, 4.0}";
constexpr float kScale[] = {0.5f, 0.25f, 1.0f, 2.0f, 0.125f, 4.0f};

TEST(ContribDecoder, WeightsOfFourBits) {
  const auto level = [](int n, int k) { return byte_at((n * 2 + k / 16) * 8 + k % 16 / 2) >> (k % 2 * 4) & 15; };
  const std::string packed = "uint8[3,2,8] b = " + numbers(48, byte_at) + ", " + kScales;
  const int zeros[] = {3, 9, 15, 0, 7, 12};
  const auto plain = weights("", packed, "b, s");
  const auto shifted = weights("", packed + ", uint8[3] z = {147, 15, 199}", "b, s, z");
  const auto real =
      weights("", packed + ", float[6] z = {3.5, 9.0, 15.0, 0.0, 7.0, 12.0}, float[3] c = {1.0, 2.0, 3.0}", "b, s, z, , c");
  for (int k = 0; k < 20; ++k)
    for (int n = 0; n < 3; ++n) {
      const auto at = static_cast<std::size_t>(k * 3 + n), block = static_cast<std::size_t>(n * 2 + k / 16);
      EXPECT_EQ(plain[at], static_cast<float>(level(n, k) - 8) * kScale[block]);
      EXPECT_EQ(shifted[at], static_cast<float>(level(n, k) - zeros[block]) * kScale[block]);
      const float zero = block == 0 ? 3.5f : static_cast<float>(zeros[block]);
      EXPECT_EQ(real[at], (static_cast<float>(level(n, k)) - zero) * kScale[block] + static_cast<float>(n + 1));
    }
}

TEST(ContribDecoder, WeightsOfEightBits) {
  const auto plain = weights(", bits = 8", "uint8[3,2,16] b = " + numbers(96, byte_at) + ", " + kScales, "b, s");
  for (int k = 0; k < 20; ++k)
    for (int n = 0; n < 3; ++n)
      EXPECT_EQ(plain[static_cast<std::size_t>(k * 3 + n)],
                static_cast<float>(byte_at(n * 32 + k) - 128) * kScale[static_cast<std::size_t>(n * 2 + k / 16)]);
}

TEST(ContribDecoder, RefusesWhatItHasNoWordsFor) {
  const auto why = [](const std::string& inputs, const std::string& node) {
    return failure<UnsupportedError>([&] { import_text(header(17) + "g (" + inputs + ") => (y) { y = " + node + " }"); });
  };
  EXPECT_THAT(why("float[2,20] x, uint8[3,2,4] b, float[6] s",
                  "com.microsoft.MatMulNBits<K = 20, N = 3, block_size = 16, bits = 2>(x, b, s)"),
              HasSubstr("bits 2 found, 4 or 8 expected"));
  EXPECT_THAT(why("float[2,20] x, uint8[3,2,8] b, float[6] s, int32[20] o",
                  "com.microsoft.MatMulNBits<K = 20, N = 3, block_size = 16>(x, b, s, , o)"),
              HasSubstr("an order of the columns"));
  EXPECT_THAT(why("float[2,5,12] x, int64[2,5] p, float[9,3] c, float[9,3] s",
                  "com.microsoft.RotaryEmbedding<is_packed_batching = 1>(x, p, c, s)"),
              HasSubstr("is_packed_batching"));
}

}  // namespace
}  // namespace inc::onnx_io
