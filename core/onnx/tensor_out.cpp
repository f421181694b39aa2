#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <array>
#include <limits>
#include <utility>

#include "core/onnx/proto.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace fs = std::filesystem;
namespace {

using Wire = google::protobuf::internal::WireFormatLite;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargestMessage = std::numeric_limits<std::int32_t>::max();

void set_entry(onnx::TensorProto& proto, const char* key, std::string value) {
  auto* entry = proto.add_external_data();
  entry->set_key(key);
  entry->set_value(std::move(value));
}

std::string_view bytes_of(const ir::Tensor& tensor) {
  return tensor.raw() == nullptr ? std::string_view()
                                 : std::string_view(reinterpret_cast<const char*>(tensor.raw()), tensor.bytes());
}

/// What goes before `bytes` bytes of a length-delimited field.
std::string field(int number, std::size_t bytes) {
  std::array<std::uint8_t, 20> buffer;
  auto* end = Wire::WriteTagToArray(number, Wire::WIRETYPE_LENGTH_DELIMITED, buffer.data());
  end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(bytes, end);
  return {buffer.data(), end};
}

}  // namespace

void describe_tensor(onnx::TensorProto& proto, const std::string& name, const ir::Tensor& tensor) {
  if (!name.empty()) proto.set_name(name);
  proto.set_data_type(onnx_type_of(tensor.dtype()));
  for (const std::int64_t dim : tensor.shape()) proto.add_dims(dim);
}

void store_inline(onnx::TensorProto& proto, const ir::Tensor& tensor) {
  proto.set_raw_data(std::string(bytes_of(tensor.at_hand())));
}

void DataFile::store(onnx::TensorProto& proto, const ir::Tensor& tensor) {
  const std::size_t offset = (end_ + kPage - 1) / kPage * kPage;
  proto.set_data_location(onnx::TensorProto::EXTERNAL);
  set_entry(proto, "location", location_);
  set_entry(proto, "offset", std::to_string(offset));
  set_entry(proto, "length", std::to_string(tensor.bytes()));
  pieces_.emplace_back(offset, tensor);
  end_ = offset + tensor.bytes();
}

void DataFile::write(const fs::path& path) const {
  AtomicFile out(path);
  std::size_t position = 0;
  for (const auto& [offset, tensor] : pieces_) {
    out.write(std::string(offset - position, '\0'));
    out.write(bytes_of(tensor.at_hand()));
    position = offset + tensor.bytes();
  }
  out.commit();
}

void InlineData::store(const onnx::GraphProto& graph, const ir::Tensor& tensor) {
  tensors_.emplace(graph.initializer_size() - 1, tensor);
}

void InlineData::write(onnx::ModelProto& model, const std::function<void(std::string_view)>& out) const {
  google::protobuf::RepeatedPtrField<onnx::TensorProto> initializers;
  initializers.Swap(model.mutable_graph()->mutable_initializer());
  const onnx::GraphProto graph = std::move(*model.mutable_graph());
  model.clear_graph();
  const auto inlined = [&](int i) {
    const auto found = tensors_.find(i);
    return found == tensors_.end() ? nullptr : &found->second;
  };
  const auto tensor_size = [&](int i) {
    const std::size_t described = initializers[i].ByteSizeLong();
    const ir::Tensor* tensor = inlined(i);
    return described +
           (tensor == nullptr ? 0 : field(onnx::TensorProto::kRawDataFieldNumber, tensor->bytes()).size() + tensor->bytes());
  };
  std::size_t graph_size = graph.ByteSizeLong();
  for (int i = 0; i < initializers.size(); ++i)
    graph_size += field(onnx::GraphProto::kInitializerFieldNumber, tensor_size(i)).size() + tensor_size(i);
  if (graph_size + model.ByteSizeLong() > kLargestMessage)
    throw BackendError("the model exceeds 2 GB: lower external_data_above");
  out(model.SerializeAsString());
  out(field(onnx::ModelProto::kGraphFieldNumber, graph_size));
  out(graph.SerializeAsString());
  for (int i = 0; i < initializers.size(); ++i) {
    out(field(onnx::GraphProto::kInitializerFieldNumber, tensor_size(i)));
    out(initializers[i].SerializeAsString());
    if (const ir::Tensor* tensor = inlined(i)) {
      out(field(onnx::TensorProto::kRawDataFieldNumber, tensor->bytes()));
      out(bytes_of(tensor->at_hand()));
    }
  }
}

}  // namespace inc::onnx_io
