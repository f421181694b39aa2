// Tokens [N, pixels, C] and images [N, C, H, W] with channels innermost are the same numbers in the same order: transposing
// and reshaping from one to the other takes no time.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/random.h"

namespace inc {
namespace {

struct Case {
  const char* name;
  const char* graph;
};

const Case kCases[] = {
    {"DepthwiseBetweenProducts",
     "g (float[1,64,24] x) => (float[1,64,24] y) <float[24,32] u, float[32,1,3,3] w, float[32,24] v, int64[4] image = "
     "{0,32,8,8}, int64[3] tokens = {0,32,-1}> { a = MatMul(x, u) b = Transpose <perm = [0,2,1]> (a) c = Reshape(b, image) "
     "d = Conv <group = 32, pads = [1,1,1,1]> (c, w) e = Reshape(d, tokens) f = Transpose <perm = [0,2,1]> (e) "
     "y = MatMul(f, v) }"},
    {"PatchesToTokens",
     "g (float[1,16,16,3] x) => (float[1,16,32] y) <float[32,3,4,4] w, float[32] s, int64[3] tokens = {0,32,-1}> { "
     "a = Transpose <perm = [0,3,1,2]> (x) b = Conv <strides = [4,4]> (a, w) c = Reshape(b, tokens) "
     "d = Transpose <perm = [0,2,1]> (c) y = LayerNormalization <axis = -1> (d, s) }"},
    {"ResizedAndJoined",
     "g (float[1,16,24] p, float[1,64,24] q) => (float[1,8,8,8] y) <float[8,48,1,1] w, int64[4] small = {0,24,4,4}, "
     "int64[4] "
     "large = {0,24,8,8}, float[4] by = {1,1,2,2}> { a = Transpose <perm = [0,2,1]> (p) b = Reshape(a, small) "
     "c = Resize <mode = \"linear\"> (b, , by) d = Transpose <perm = [0,2,1]> (q) e = Reshape(d, large) "
     "f = Concat <axis = 1> (c, e) g = Conv(f, w) y = Relu(g) }"},
};

class Tokens : public ::testing::TestWithParam<Case> {};

TEST_P(Tokens, BecomeImagesAndBackWithoutACopy) {
  const ir::Graph graph = onnx_io::import_text(GetParam().graph);
  Rng rng(5);
  std::vector<ir::Tensor> inputs;
  for (const ir::ValueId id : graph.inputs()) {
    ir::Shape shape;
    for (const ir::Dim& dim : *graph.value(id).type.dims) shape.push_back(dim.value);
    inputs.push_back(testing::random_tensor(DType::Float, shape, rng));
  }
  const auto steps = onednn::make_adaptor()->prepare(graph)->profile(inputs, 1);
  std::size_t transposed = 0;
  for (const auto& step : steps) {
    transposed += step.op_type == "Transpose";
    if (step.op_type == "Reorder") {
      EXPECT_EQ(step.name, graph.output_names()[0]);
    }
  }
  EXPECT_EQ(transposed, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, Tokens, ::testing::ValuesIn(kCases), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace inc
