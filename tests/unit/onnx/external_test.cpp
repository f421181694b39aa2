#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "core/base/file.h"
#include "core/ir/print.h"
#include "core/onnx/onnx_io.h"
#include "tests/support/models.h"
#include "tests/unit/onnx/failure.h"

namespace inc::onnx_io {
namespace {

using ::testing::HasSubstr;

constexpr const char* kTwoMatMuls =
    "g (float[N,64] x) => (float[N,64] y) <float[64,64] a, float[64,64] b, float[64] c> { t = MatMul(x, a) u = Add(t, c) y "
    "= MatMul(u, b) }";

class ExternalData : public ::testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }

  void export_external() const {
    ExportOptions options;
    options.external_data_above = 0;
    export_model(import_text(kTwoMatMuls), path("m.onnx"), options);
  }

  /// Rewrites the first external entry `key` of the exported model.
  void tamper(const std::string& key, const std::string& value) const {
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(read_file(path("m.onnx"))));
    for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
      if (tensor.external_data_size() == 0) continue;
      bool found = false;
      for (auto& entry : *tensor.mutable_external_data())
        if (entry.key() == key) entry.set_value(value), found = true;
      ASSERT_TRUE(found);
      break;
    }
    write_file_atomically(path("m.onnx"), model.SerializeAsString());
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(ExternalData, IsWrittenBesideTheModelAndMappedBack) {
  export_external();
  EXPECT_GE(std::filesystem::file_size(path("m.onnx.data")), 2u * 64 * 64 * 4);
  EXPECT_LT(std::filesystem::file_size(path("m.onnx")), 4096u);
  const auto graph = import_model(path("m.onnx"));
  EXPECT_EQ(ir::print(graph), ir::print(import_text(kTwoMatMuls)));
}

TEST_F(ExternalData, TensorsShareOneMappingThatOutlivesTheFile) {
  export_external();
  const auto expected = import_text(kTwoMatMuls);
  const auto graph = import_model(path("m.onnx"));
  const ir::Tensor a = *graph.constant(*graph.find_value("a")), b = *graph.constant(*graph.find_value("b"));
  EXPECT_EQ((b.raw() - a.raw()) % 4096, 0);
  EXPECT_THROW(ir::Tensor(a).mutable_raw(), InternalError);
  std::filesystem::remove(path("m.onnx.data"));
  EXPECT_TRUE(ir::identical(a, *expected.constant(*expected.find_value("a"))));
}

TEST_F(ExternalData, ModelMayBeExportedOverItself) {
  export_external();
  ExportOptions options;
  options.external_data_above = 0;
  export_model(import_model(path("m.onnx")), path("m.onnx"), options);
  EXPECT_EQ(ir::print(import_model(path("m.onnx"))), ir::print(import_text(kTwoMatMuls)));
}

TEST_F(ExternalData, StaysInlineBelowTheThreshold) {
  export_model(import_text(kTwoMatMuls), path("m.onnx"));
  EXPECT_FALSE(std::filesystem::exists(path("m.onnx.data")));
}

TEST_F(ExternalData, LocationsOutsideTheDirectoryAreRefused) {
  write_file_atomically(directory_.path() / "secret", std::string(1 << 16, 'x'));
  std::filesystem::create_directories(path("sub"));
  ExportOptions options;
  options.external_data_above = 0;
  export_model(import_text(kTwoMatMuls), path("sub/m.onnx"), options);
  std::filesystem::create_symlink(directory_.path() / "secret", path("sub/link"));
  std::filesystem::create_directory_symlink(directory_.path(), path("sub/up"));
  const std::string model = read_file(path("sub/m.onnx"));
  for (const std::string& location :
       {std::string("../secret"), std::string("./../secret"), (directory_.path() / "secret").string(), std::string("link"),
        std::string("up/secret"), std::string(""), std::string("."), std::string("sub/../../secret"),
        std::string("m.onnx\0x", 8), std::string("/etc/passwd"), std::string("missing")}) {
    SCOPED_TRACE(location);
    onnx::ModelProto proto;
    ASSERT_TRUE(proto.ParseFromString(model));
    for (auto& tensor : *proto.mutable_graph()->mutable_initializer())
      for (auto& entry : *tensor.mutable_external_data())
        if (entry.key() == "location") entry.set_value(location);
    write_file_atomically(path("sub/m.onnx"), proto.SerializeAsString());
    EXPECT_THAT(failure<ModelError>([&] { import_model(path("sub/m.onnx")); }), HasSubstr("external data"));
  }
}

TEST_F(ExternalData, ALinkedModelFindsTheDataBesideItsTarget) {
  std::filesystem::create_directories(path("blobs"));
  std::filesystem::create_directories(path("snapshot"));
  ExportOptions options;
  options.external_data_above = 0;
  export_model(import_text(kTwoMatMuls), path("blobs/m.onnx"), options);
  std::filesystem::create_symlink(path("blobs/m.onnx"), path("snapshot/m.onnx"));
  std::filesystem::create_symlink(path("blobs/m.onnx.data"), path("snapshot/m.onnx.data"));
  EXPECT_EQ(import_model(path("snapshot/m.onnx")).nodes().size(), 3u);
}

TEST_F(ExternalData, OffsetsAndLengthsAreChecked) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"offset", "1000000"}, {"offset", "-1"}, {"offset", "18446744073709551615"}, {"offset", "12x"}, {"offset", ""},
      {"length", "16"},      {"length", "-4"}, {"length", "99999999999999999999"},
  };
  for (const auto& [key, value] : cases) {
    SCOPED_TRACE(std::string(key) + " " + value);
    export_external();
    tamper(key, value);
    failure<ModelError>([&] { import_model(path("m.onnx")); });
  }
}

TEST_F(ExternalData, ATruncatedDataFileIsAModelError) {
  export_external();
  std::filesystem::resize_file(path("m.onnx.data"), 5000);
  EXPECT_THAT(failure<ModelError>([&] { import_model(path("m.onnx")); }), HasSubstr("lies outside 'm.onnx.data'"));
}

TEST_F(ExternalData, BytesWithoutADirectoryHaveNoExternalData) {
  export_external();
  const std::string bytes = read_file(path("m.onnx"));
  EXPECT_THAT(failure<ModelError>([&] { import_bytes(bytes, {}); }), HasSubstr("no directory"));
  EXPECT_EQ(import_bytes(bytes, directory_.path()).nodes().size(), 3u);
}

TEST_F(ExternalData, UnwritableTargetsAreBackendErrors) {
  ExportOptions options;
  options.external_data_above = 0;
  failure<BackendError>([&] { export_model(import_text(kTwoMatMuls), path("nowhere/m.onnx"), options); });
  failure<BackendError>([&] { export_model(import_text(kTwoMatMuls), path("nowhere/m.onnx")); });
}

}  // namespace
}  // namespace inc::onnx_io
