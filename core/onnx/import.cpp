#include <fmt/format.h>
#include <onnx/defs/parser.h>

#include "core/onnx/build.h"
#include "core/onnx/model_file.h"
#include "core/onnx/normalize.h"
#include "core/onnx/onnx_io.h"
#include "core/onnx/prepare.h"
#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTextHeader = R"(<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1, "inc" : 1]>)";

ir::Graph import_proto(onnx::ModelProto model, const std::vector<fs::path>& directories,
                       std::shared_ptr<const ModelFile> file = nullptr) {
  return guarded<ModelError>("the model cannot be imported", [&] {
    ExternalData external(directories, std::move(file));
    const Constants constants = prepare(model, external);
    return build_graph(model, constants, external);
  });
}

bool has_header(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '<';
}

std::map<std::string, std::string> metadata_of(const onnx::ModelProto& model) {
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  return metadata;
}

}  // namespace

ir::Graph import_model(const fs::path& path) {
  return with_context([&] { return fmt::format("while importing '{}'", path.string()); },
                      [&] {
                        const auto file = ModelFile::open(path);
                        std::error_code error;
                        const fs::path target = fs::canonical(path, error);
                        return import_proto(file->parse(), {path.parent_path(), target.parent_path()}, file);
                      });
}

std::map<std::string, std::string> metadata_of(const fs::path& path) {
  return metadata_of(ModelFile::open(path)->parse_metadata());
}

std::map<std::string, std::string> metadata_of_bytes(const std::string& bytes) {
  return metadata_of(parse_model(bytes.data(), bytes.size()));
}

ir::Graph import_bytes(const std::string& bytes, const fs::path& directory) {
  std::vector<fs::path> directories;
  if (!directory.empty()) directories.push_back(directory);
  return import_proto(parse_model(bytes.data(), bytes.size()), directories);
}

ir::Graph import_text(const std::string& text) {
  onnx::ModelProto model;
  const std::string whole = has_header(text) ? text : std::string(kTextHeader) + text;
  guarded<ModelError>("the textual model does not parse", [&] {
    onnx::OnnxParser parser(whole);
    const auto status = parser.Parse(model);
    if (!status.IsOK()) throw ModelError(fmt::format("the textual model does not parse: {}", tidy(status.ErrorMessage())));
  });
  fill_elided_constants(*model.mutable_graph());
  return import_proto(std::move(model), {});
}

}  // namespace inc::onnx_io
