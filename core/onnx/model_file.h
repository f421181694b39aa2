#pragma once
// A model file whose large initializers stay in it until somebody wants their data.
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <memory>

#include "core/ir/tensor.h"

namespace inc::onnx_io {

class ModelFile : public std::enable_shared_from_this<ModelFile> {
 public:
  /// Throws ModelError naming the path for what is not a regular file of at most 2 GB, or empty.
  static std::shared_ptr<const ModelFile> open(const std::filesystem::path& path);
  ~ModelFile();
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  /// Initializers of the graph with much raw_data have, in its place, an external data entry that says where it is in this
  /// file; tensor() reads it. Throws ModelError for bytes that are not a ModelProto.
  onnx::ModelProto parse() const;
  /// A ModelProto with the metadata_props of the file alone; graphs are skipped.
  onnx::ModelProto parse_metadata() const;

  /// The tensor is what parse() made of an initializer with much data.
  static bool holds(const onnx::TensorProto& proto);
  /// That data, read when it is wanted; then, throws ModelError when the file has been changed meanwhile. Throws ModelError
  /// when it is not `bytes` long.
  ir::Tensor tensor(const onnx::TensorProto& proto, DType dtype, const ir::Shape& shape, std::size_t bytes,
                    const std::string& where) const;

 private:
  class Piece;
  struct Version {
    std::int64_t size = 0, seconds = 0, nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };

  explicit ModelFile(const std::filesystem::path& path);
  Version version() const;
  void read(std::byte* to, std::size_t offset, std::size_t bytes) const;
  std::size_t size() const noexcept { return static_cast<std::size_t>(version_.size); }

  std::filesystem::path path_;
  int fd_ = -1;
  Version version_;
};

}  // namespace inc::onnx_io
