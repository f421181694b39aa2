#pragma once
// The only door to ONNX and Protobuf: models in and out.
#include <filesystem>
#include <map>
#include <string>

#include "core/base/support.h"
#include "core/ir/graph.h"

namespace inc::onnx_io {

/// The opset every imported graph is converted to when it is older (ONNX version converter); newer models keep theirs.
constexpr int kMinimumOpset = 13;
/// The newest opset accepted.
int newest_opset();

/// Reads, checks, converts and infers shapes. Large initializers are read from the file when their data is wanted, which
/// throws ModelError where the file has been overwritten meanwhile (not replaced by another). External data stays
/// memory-mapped; tensors keep the mapping alive.
/// Constant nodes become constants, model-local functions are inlined, operators without a row of their own are expanded
/// where ONNX defines them by others. External data must lie in the directory of the model. Throws ModelError (unreadable,
/// invalid), UnsupportedError (an operator, type or form that is not executed here, naming node and operator type).
ir::Graph import_model(const std::filesystem::path& path);
/// The same from ONNX's textual syntax ("agraph (float[N,4] x) => (float[N,3] y) <float[4,3] w = {…}> { … }" or a
/// whole model with its <ir_version, opset_import> header; a bare graph gets opset 21 and the domains com.microsoft and
/// inc). A declared value that nothing produces ("<float[4,3] w>") becomes a constant of deterministic pseudo-random
/// numbers in [-1, 1), seeded by its name. For tests and goldens.
ir::Graph import_text(const std::string& text);
/// The same from the bytes of a ModelProto; external data is looked for in `directory` (none: refused).
ir::Graph import_bytes(const std::string& bytes, const std::filesystem::path& directory);

/// The metadata_props of a model file. Throws ModelError for a file that is not a model.
std::map<std::string, std::string> metadata_of(const std::filesystem::path& path);
/// The same from the bytes of a ModelProto.
std::map<std::string, std::string> metadata_of_bytes(const std::string& bytes);

/// Whether ONNX has every BF16 operator of the graph in BFLOAT16, at this opset or a newer one.
Support standard_bf16(const ir::Graph& graph);

struct ExportOptions {
  std::map<std::string, std::string> metadata;
  /// Initializers go to `<path>.data` when they exceed this many bytes in total.
  std::int64_t external_data_above = std::int64_t{1} << 31;
};
/// Writes standard ONNX (graph lowered before: no inc.* node). Values keep their names, outputs the promised ones.
/// A graph with BF16 nodes is written at the lowest opset that has them all in BFLOAT16, by ONNX's version converter; throws
/// UnsupportedError where there is none. Checked by the ONNX checker (InternalError). Atomic. Throws BackendError when it
/// cannot be written.
void export_model(const ir::Graph& graph, const std::filesystem::path& path, const ExportOptions& options = {});
/// The bytes of the ModelProto, all data inline.
std::string export_bytes(const ir::Graph& graph, const ExportOptions& options = {});

}  // namespace inc::onnx_io
