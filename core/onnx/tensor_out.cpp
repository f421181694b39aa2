#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/onnx/proto.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPage = 4096;

void set_entry(onnx::TensorProto& proto, const char* key, std::string value) {
  auto* entry = proto.add_external_data();
  entry->set_key(key);
  entry->set_value(std::move(value));
}

}  // namespace

void describe_tensor(onnx::TensorProto& proto, const std::string& name, const ir::Tensor& tensor) {
  if (!name.empty()) proto.set_name(name);
  proto.set_data_type(onnx_type_of(tensor.dtype()));
  for (const std::int64_t dim : tensor.shape()) proto.add_dims(dim);
}

void store_inline(onnx::TensorProto& proto, const ir::Tensor& tensor) {
  proto.set_raw_data(tensor.raw() == nullptr ? "" : reinterpret_cast<const char*>(tensor.raw()), tensor.bytes());
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
  fs::path temporary = path;
  temporary += fmt::format(".tmp{}", ::getpid());
  const auto fail = [&] {
    const std::string why = std::strerror(errno);
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw BackendError(fmt::format("cannot write '{}': {}", path.string(), why));
  };
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  std::size_t position = 0;
  for (const auto& [offset, tensor] : pieces_) {
    const std::string padding(offset - position, '\0');
    out.write(padding.data(), static_cast<std::streamsize>(padding.size()));
    out.write(reinterpret_cast<const char*>(tensor.raw()), static_cast<std::streamsize>(tensor.bytes()));
    position = offset + tensor.bytes();
  }
  out.close();
  if (!out) fail();
  std::error_code error;
  fs::rename(temporary, path, error);
  if (error) {
    errno = error.value();
    fail();
  }
}

}  // namespace inc::onnx_io
