#pragma once
// Tensors in and out of protobuf, and the file beside a model that holds them when they are large.
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file.h"
#include "core/ir/tensor.h"
#include "core/onnx/model_file.h"

namespace inc::onnx_io {

/// Maps the external data files of one model, each once; and knows the model file. A location must be relative and lead,
/// links followed, to a file inside one of the directories.
class ExternalData {
 public:
  ExternalData() = default;
  /// `model`: the file the model was parsed from, where it keeps data; or nullptr.
  explicit ExternalData(const std::vector<std::filesystem::path>& directories,
                        std::shared_ptr<const ModelFile> model = nullptr);
  /// Throws ModelError naming the location.
  std::shared_ptr<const MappedFile> open(const std::string& location);
  const ModelFile* model() const noexcept { return model_.get(); }

 private:
  std::vector<std::filesystem::path> roots_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
  std::shared_ptr<const ModelFile> model_;
};

/// Takes the data over where it can (`proto` loses it), leaves it in the model file, maps external data, copies the rest.
/// `where` is for messages. Throws ModelError when data and shape disagree, UnsupportedError for element types that are not
/// executed here.
ir::Tensor tensor_of(onnx::TensorProto& proto, ExternalData& external, const std::string& where);

/// Name, element type and dimensions.
void describe_tensor(onnx::TensorProto& proto, const std::string& name, const ir::Tensor& tensor);
/// The data as raw_data.
void store_inline(onnx::TensorProto& proto, const ir::Tensor& tensor);

/// The data of initializers on its way into the bytes of a model, never copied into a message.
class InlineData {
 public:
  /// For the last initializer of the graph, which has been described.
  void store(const onnx::GraphProto& graph, const ir::Tensor& tensor);
  /// Serializes the model with the data, the graph last. Throws BackendError beyond 2 GB. Takes the graph out of the model.
  void write(onnx::ModelProto& model, const std::function<void(std::string_view)>& out) const;

 private:
  std::map<int, ir::Tensor> tensors_;  // by initializer
};

/// The external data file being laid out: tensors are appended at aligned offsets, and written in one go.
class DataFile {
 public:
  explicit DataFile(std::string location) : location_(std::move(location)) {}
  void store(onnx::TensorProto& proto, const ir::Tensor& tensor);
  /// Atomic. Throws BackendError.
  void write(const std::filesystem::path& path) const;

 private:
  std::string location_;
  std::vector<std::pair<std::size_t, ir::Tensor>> pieces_;
  std::size_t end_ = 0;
};

}  // namespace inc::onnx_io
