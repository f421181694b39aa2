// The two forms in which BF16 leaves the house, and how they come back: real models.
#include <gtest/gtest.h>

#include "core/onnx/onnx_io.h"
#include "core/passes/pass.h"
#include "core/quant/bf16.h"
#include "tests/support/models.h"

namespace inc::quant {
namespace {

class Bf16RoundTrip : public ::testing::TestWithParam<testing::RealModel> {
 protected:
  ir::Graph fused(const std::filesystem::path& path) {
    ir::Graph graph = onnx_io::import_model(path);
    passes::fusion_pipeline().run(graph);
    return graph;
  }
  Bf16Plan plan(const ir::Graph& graph) {
    const Bf16Policies policies;
    return plan_bf16(graph, bf16_wanted(graph, policies), policies, {}, constants_);
  }
  Bf16Constants constants_;
};

TEST_P(Bf16RoundTrip, ThePlanInTheMetadataMakesTheSameGraph) {
  INC_SHARED(model, GetParam().path);
  const ir::Graph graph = fused(model);
  const Bf16Plan planned = plan(graph);
  ASSERT_FALSE(planned.nodes.empty());
  ir::Graph lowered = graph;
  passes::lowering_pipeline().run(lowered);
  const testing::TemporaryDirectory directory;
  const auto path = directory.path() / "model.onnx";
  onnx_io::export_model(lowered, path, {{{"inc_cpp.bf16", bf16_plan_text(graph, planned)}}});
  const ir::Graph back = fused(path);
  const Bf16Plan found = bf16_plan_of(back, onnx_io::metadata_of(path).at("inc_cpp.bf16"));
  EXPECT_EQ(found.nodes.size(), planned.nodes.size());
  const ir::Graph cast = cast_bf16(back, found, constants_);
  cast.verify();
  EXPECT_EQ(cast.nodes().size() - back.nodes().size(), planned.casts);
}

TEST_P(Bf16RoundTrip, TheStandardFormPassesTheCheckerAndComesBack) {
  INC_SHARED(model, GetParam().path);
  const ir::Graph graph = fused(model);
  ir::Graph lowered = cast_bf16(graph, plan(graph), constants_);
  passes::lowering_pipeline().run(lowered);
  lowered.verify();
  ASSERT_TRUE(onnx_io::standard_bf16(lowered)) << onnx_io::standard_bf16(lowered).why_not();
  const ir::Graph back = onnx_io::import_bytes(onnx_io::export_bytes(lowered), {});
  EXPECT_GE(back.opset, lowered.opset);
  EXPECT_EQ(back.output_names(), graph.output_names());
  std::size_t rounded = 0;
  for (const ir::ValueId id : back.values())
    if (const ir::Tensor* constant = back.constant(id)) rounded += constant->dtype() == DType::BFloat16 ? 1 : 0;
  EXPECT_GT(rounded, 0u);
}

INSTANTIATE_TEST_SUITE_P(Real, Bf16RoundTrip, ::testing::ValuesIn(testing::real_models()), [](const auto& param) {
  std::string name = param.param.task;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

}  // namespace
}  // namespace inc::quant
