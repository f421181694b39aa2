// What fuses in the real models.
#include <gtest/gtest.h>

#include <map>

#include "core/onnx/onnx_io.h"
#include "core/ops/ops.h"
#include "core/passes/pass.h"
#include "tests/support/models.h"

namespace inc::passes {
namespace {

struct Fused {
  ir::Graph graph;
  std::map<std::string, int> applied, ops, epilogues;
  Findings findings;
};

Fused fuse(const std::filesystem::path& path) {
  Fused result{onnx_io::import_model(path), {}, {}, {}, {}};
  fusion_pipeline().run(result.graph, &result.findings);
  for (const Finding& f : result.findings)
    if (f.applied) ++result.applied[f.pass];
  for (const ir::NodeId id : result.graph.nodes()) {
    const ir::Node& node = result.graph.node(id);
    ++result.ops[node.op];
    if (node.op.starts_with("inc.")) ++result.epilogues[ops::epilogue(node).activation];
  }
  return result;
}

using Counts = std::map<std::string, int>;

TEST(RealModels, Cifar10ResidualBlocksAreOneNodePerConvolution) {
  INC_SHARED(path, "realdata/cifar10/resnet20.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.ops, (Counts{{"inc.Conv", 19}, {"Slice", 4}, {"Pad", 2}, {"AveragePool", 1}, {"Flatten", 1}, {"Gemm", 1}}));
  EXPECT_EQ(f.applied.at("fuse_residual"), 9);
  EXPECT_EQ(f.epilogues, (Counts{{"relu", 19}}));
}

TEST(RealModels, ImagenetIsOneNodePerConvolution) {
  INC_SHARED(path, "realdata/imagenet/mobilenet_v1_0.25_224.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.ops, (Counts{{"inc.Conv", 27}, {"ReduceMean", 1}, {"inc.MatMul", 1}}));
  EXPECT_EQ(f.applied.at("fuse_conv_batch_normalization"), 27);
  EXPECT_EQ(f.applied.at("fuse_pad_conv"), 5);
  EXPECT_EQ(f.epilogues, (Counts{{"clip", 27}, {"none", 1}}));
}

TEST(RealModels, MnistBiasesAndActivationsFuse) {
  INC_SHARED(path, "realdata/mnist/mnist-8.onnx");
  EXPECT_EQ(fuse(path).ops, (Counts{{"inc.Conv", 2}, {"MaxPool", 2}, {"Reshape", 1}, {"inc.MatMul", 1}}));
}

TEST(RealModels, KeywordConvolutionsAreOneNodeEach) {
  INC_SHARED(path, "realdata/speech/ds_cnn_l.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.ops, (Counts{{"inc.Conv", 11}, {"AveragePool", 1}, {"Flatten", 1}, {"Gemm", 1}}));
  EXPECT_EQ(f.epilogues, (Counts{{"relu", 11}}));
}

TEST(RealModels, KeywordTransformerHasItsNormalizationsAndGelus) {
  INC_SHARED(path, "realdata/speech/kwt1.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.ops.at("LayerNormalization"), 24);
  EXPECT_EQ(f.epilogues.at("gelu_tanh"), 12);
  EXPECT_EQ(f.applied.at("fuse_residual"), 24);
  for (const char* gone : {"Tanh", "Sqrt", "Pow", "ReduceMean"}) EXPECT_FALSE(f.ops.count(gone)) << gone;
}

TEST(RealModels, LanguageModelHasItsNormalizationsGatesAndResiduals) {
  INC_SHARED(path, "realdata/stories/stories260k.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.ops.at("RMSNormalization"), 11);
  EXPECT_EQ(f.epilogues.at("silu"), 5);
  EXPECT_EQ(f.applied.at("fuse_residual"), 10);
  for (const char* gone : {"Sigmoid", "Sqrt", "Pow", "ReduceMean"}) EXPECT_FALSE(f.ops.count(gone)) << gone;
}

TEST(RealModels, DetectorHasItsActivationsInItsConvolutions) {
  INC_SHARED(path, "realdata/coco/yolox_nano.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.epilogues, (Counts{{"silu", 104}, {"sigmoid", 6}}));
  EXPECT_FALSE(f.ops.count("Sigmoid"));
}

TEST(RealModels, FileTypeModelHasItsGelu) {
  INC_SHARED(path, "realdata/magika/model.onnx");
  const Fused f = fuse(path);
  EXPECT_EQ(f.applied.at("fuse_gelu_tanh"), 2);
  EXPECT_EQ(f.applied.at("fuse_one_hot"), 1);
  EXPECT_EQ(f.ops.at("Gelu"), 2);
  EXPECT_FALSE(f.ops.count("Tanh"));
}

TEST(RealModels, LoweredModelsExport) {
  for (const auto& model : inc::testing::real_models()) {
    const auto path = inc::testing::shared(model.path);
    if (!path) GTEST_SKIP() << "no shared file " << model.path;
    SCOPED_TRACE(model.task);
    ir::Graph graph = onnx_io::import_model(*path);
    fusion_pipeline().run(graph);
    lowering_pipeline().run(graph);
    EXPECT_NO_THROW(onnx_io::export_bytes(graph));
  }
}

}  // namespace
}  // namespace inc::passes
