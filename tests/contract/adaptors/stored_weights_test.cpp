// Large weights that are read from elsewhere, some rows at a time, compute what they compute from memory: bit for bit, in
// FP32, BF16 and INT8, with every layout that the kernels and the library ask for.
#include <gtest/gtest.h>

#include "adaptors/onednn/adaptor.h"
#include "core/ir/convert.h"
#include "tests/contract/adaptors/bf16.h"
#include "tests/contract/adaptors/group.h"

namespace inc {
namespace {

using testing::GroupBuilder;
using testing::GroupSpec;

std::vector<ir::Tensor> results(ir::Graph graph, std::uint64_t seed) {
  Rng rng(seed);
  return onednn::make_adaptor()->prepare(graph)->run(testing::random_inputs(graph, rng));
}

void expect_identical(const std::vector<ir::Tensor>& found, const std::vector<ir::Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(ir::identical(found[i], expected[i]));
}

std::vector<GroupSpec> large_groups() {
  std::vector<GroupSpec> layers(3), all;
  layers[0].name = "Gemm";
  layers[0].op = "Gemm";
  layers[0].w = {1510, 4200};
  layers[0].attrs = {{"transB", std::int64_t{1}}};
  layers[1].name = "MatMul";
  layers[1].op = "MatMul";
  layers[1].w = {4200, 1510};
  layers[1].channel_axis = 1;
  layers[2].name = "Conv";
  layers[2].x = {1, 720, 4, 3};
  layers[2].w = {710, 720, 3, 3};
  layers[2].attrs = {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}};
  for (GroupSpec s : layers)
    for (const std::int64_t rows : {1, 5, 40})
      for (const int zero : {0, 117})
        for (const int limit : {63, 127}) {
          if (s.op != "Conv") s.x = {rows, 4200};
          if (s.op == "Conv" && rows != 5) continue;
          s.input_zero = zero;
          s.weight_limit = limit;
          all.push_back(s);
        }
  return all;
}

TEST(StoredWeights, MultiplyAsInt8) {
  for (const GroupSpec& s : large_groups()) {
    SCOPED_TRACE(s.name + " of " + std::to_string(s.x[0]) + ", zero point " + std::to_string(s.input_zero) +
                 ", weights to " + std::to_string(s.weight_limit));
    GroupBuilder held(5), stored(5);
    stored.stores = true;
    expect_identical(results(stored.group(s), 3), results(held.group(s), 3));
  }
}

class StoredWeightsTest : public ::testing::TestWithParam<DType> {};

TEST_P(StoredWeightsTest, MultiplyAsNumbers) {
  for (const std::int64_t rows : {1, 7})
    for (const bool transposed : {false, true}) {
      const auto product = [&](bool stores) {
        GroupBuilder b(9);
        b.stores = stores;
        Rng rng(8);
        const ir::Shape shape = transposed ? ir::Shape{2070, 1100} : ir::Shape{1100, 2070};
        ir::Tensor w = testing::random_tensor(DType::Float, shape, rng);
        ir::ValueId x = b.input({rows, 1100});
        if (GetParam() == DType::BFloat16) {
          w = ir::converted(w, DType::BFloat16);
          x = b.node("Cast", {x}, {{"to", testing::kBFloat16Code}});
        }
        const ir::ValueId y = b.node("Gemm", {x, b.constant(w)}, {{"transB", std::int64_t{transposed}}});
        b.graph.add_output(b.node("Cast", {y}, {{"to", testing::kFloatCode}}));
        return results(b.graph, 2);
      };
      expect_identical(product(true), product(false));
    }
}

INSTANTIATE_TEST_SUITE_P(All, StoredWeightsTest, ::testing::Values(DType::Float, DType::BFloat16));

}  // namespace
}  // namespace inc
