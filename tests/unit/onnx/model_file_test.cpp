#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/defs/parser.h>

#include <filesystem>
#include <fstream>

#include "core/base/file.h"
#include "core/ir/print.h"
#include "core/onnx/normalize.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

/// One initializer of 1 MB, which stays in the file, beside smaller ones.
constexpr const char* kLarge = R"(<ir_version: 8, opset_import: ["" : 17]>
  net (float[N,512] x) => (float[N,512] y) <float[512,512] w, float[512] b, float[1,512] s> {
    t = MatMul(x, w)
    u = Add(t, b)
    y = Mul(u, s) })";

class ModelInAFile : public ::testing::Test {
 protected:
  void SetUp() override {
    bytes_ = export_bytes(import_text(kLarge));
    write_file_atomically(path_, bytes_);
  }
  const ir::Tensor& large(const ir::Graph& graph) const { return *graph.constant(*graph.find_value("w")); }

  testing::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "m.onnx";
  std::string bytes_;
};

TEST_F(ModelInAFile, IsTheModelOfItsBytes) {
  const auto graph = import_model(path_);
  EXPECT_EQ(ir::print(graph), ir::print(import_bytes(bytes_, {})));
  EXPECT_EQ(export_bytes(graph), bytes_);
  EXPECT_TRUE(ir::identical(large(graph), large(import_text(kLarge))));
}

TEST_F(ModelInAFile, MayBeReplacedOrRemovedOnceOpen) {
  const auto graph = import_model(path_), other = import_model(path_);
  write_file_atomically(path_, "another");
  EXPECT_TRUE(ir::identical(large(graph), large(import_text(kLarge))));
  remove_file(path_);
  EXPECT_EQ(large(other).to_floats(), large(import_text(kLarge)).to_floats());
}

TEST_F(ModelInAFile, IsNotReadOnceItHasBeenOverwritten) {
  const auto graph = import_model(path_), other = import_model(path_);
  std::filesystem::resize_file(path_, bytes_.size() / 2);
  EXPECT_THAT(failure<ModelError>([&] { large(graph).raw(); }), HasSubstr("has been changed"));
  std::ofstream(path_, std::ios::binary) << std::string(bytes_.size(), 'x');
  EXPECT_THAT(failure<ModelError>([&] { large(other).content_hash(); }), HasSubstr("has been changed"));
}

TEST_F(ModelInAFile, RefusesDataThatDoesNotFitItsShape) {
  std::string wrong = bytes_;
  const auto dims = wrong.find(std::string("\x08\x80\x04\x08\x80\x04", 6));
  ASSERT_NE(dims, std::string::npos);
  wrong[dims + 2] = 5;
  write_file_atomically(path_, wrong);
  EXPECT_THAT(failure<ModelError>([&] { import_model(path_); }),
              HasSubstr("1048576 bytes found, 1310720 expected for its shape"));
}

TEST_F(ModelInAFile, BranchesAreDecidedBesideLargeInitializers) {
  const std::string text = R"(<ir_version: 8, opset_import: ["" : 17]>
    net (float[2,512] x) => (float[2,512] y) <float[512,512] w> {
      t = MatMul(x, w)
      s = Shape(t)
      i = Constant<value = int64 {0}>()
      d = Gather(s, i)
      n = Constant<value = int64 {2}>()
      c = Equal(d, n)
      y = If (c) <then_branch = a () => (float[2,512] r) { r = Relu(t) }, else_branch = b () => (float[2,512] q) { q = Abs(t) }> })";
  onnx::ModelProto model;
  onnx::OnnxParser parser(text);
  ASSERT_TRUE(parser.Parse(model).IsOK());
  fill_elided_constants(*model.mutable_graph());
  write_file_atomically(path_, model.SerializeAsString());
  EXPECT_THAT(ir::print(import_model(path_)), HasSubstr("Relu"));
}

}  // namespace
}  // namespace inc::onnx_io
