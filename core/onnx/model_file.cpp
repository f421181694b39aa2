#include "core/onnx/model_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "core/onnx/proto.h"

namespace inc::onnx_io {
namespace fs = std::filesystem;
namespace {

using Wire = google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kWorthLeaving = 1 << 16;
/// No path: external data of others cannot be named so.
constexpr std::string_view kHere("\0in this file", 13);

std::uint32_t tag_of(int field) {
  return Wire::MakeTag(field, Wire::WIRETYPE_LENGTH_DELIMITED);
}

/// A part of a file as a stream of its own; the place where others read is left alone.
class Stream : public google::protobuf::io::CopyingInputStream {
 public:
  explicit Stream(int fd) : fd_(fd) {}
  int Read(void* buffer, int size) override {
    ssize_t count = 0;
    do count = ::pread(fd_, buffer, static_cast<std::size_t>(size), position_);
    while (count < 0 && errno == EINTR);
    if (count > 0) position_ += count;
    return static_cast<int>(count);
  }
  int Skip(int count) override {
    position_ += count;
    return count;
  }

 private:
  int fd_;
  off_t position_ = 0;
};

class Writer {
 public:
  explicit Writer(std::string& to) : stream_(&to), out_(&stream_) {}
  CodedOutputStream* operator->() noexcept { return &out_; }
  bool copy(CodedInputStream& in, std::uint32_t tag) { return Wire::SkipField(&in, tag, &out_); }
  void field(std::uint32_t tag, const std::string& content) {
    out_.WriteTag(tag);
    out_.WriteVarint32(static_cast<std::uint32_t>(content.size()));
    out_.WriteString(content);
  }

 private:
  google::protobuf::io::StringOutputStream stream_;
  CodedOutputStream out_;
};

/// Runs body(length of the field) on the next field of `in` alone.
template <class Body>
bool within(CodedInputStream& in, Body&& body) {
  std::uint32_t length = 0;
  if (!in.ReadVarint32(&length) || length > static_cast<std::uint32_t>(std::numeric_limits<int>::max())) return false;
  const auto limit = in.PushLimit(static_cast<int>(length));
  if (in.BytesUntilLimit() != static_cast<int>(length)) return false;
  const bool good = body() && in.BytesUntilLimit() == 0;
  in.PopLimit(limit);
  return good;
}

bool leave_data(CodedInputStream& in, std::string& to) {
  Writer out(to);
  bool left = false;
  while (const std::uint32_t tag = in.ReadTag()) {
    const int field = Wire::GetTagFieldNumber(tag);
    if (tag != tag_of(onnx::TensorProto::kRawDataFieldNumber)) {
      if (field == onnx::TensorProto::kExternalDataFieldNumber || field == onnx::TensorProto::kDataLocationFieldNumber)
        return false;
      if (!out.copy(in, tag)) return false;
      continue;
    }
    std::uint32_t length = 0;
    if (left || !in.ReadVarint32(&length)) return false;
    if (length < kWorthLeaving) {
      std::string data;
      if (!in.ReadString(&data, static_cast<int>(length))) return false;
      out.field(tag, data);
      continue;
    }
    onnx::TensorProto place;
    place.set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] : {std::pair<const char*, std::string>{"location", kHere},
                                     {"offset", std::to_string(in.CurrentPosition())},
                                     {"length", std::to_string(length)}}) {
      auto* entry = place.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    out->WriteString(place.SerializePartialAsString());
    if (in.BytesUntilLimit() < static_cast<int>(length) || !in.Skip(static_cast<int>(length))) return false;
    left = true;
  }
  return true;
}

/// Copies fields; those with the tag pass through `change`, which writes what stands in their place.
template <class Change>
bool copy_fields(CodedInputStream& in, std::string& to, std::uint32_t changed, Change&& change) {
  Writer out(to);
  while (const std::uint32_t tag = in.ReadTag()) {
    if (tag != changed) {
      if (!out.copy(in, tag)) return false;
      continue;
    }
    std::string content;
    if (!within(in, [&] { return change(in, content); })) return false;
    out.field(tag, content);
  }
  return true;
}

/// The bytes of the model with what is left in the file; nothing for forms that are rare or wrong.
std::optional<std::string> without_data(google::protobuf::io::ZeroCopyInputStream& file) {
  CodedInputStream in(&file);
  in.SetTotalBytesLimit(std::numeric_limits<int>::max());
  const auto graph = [](CodedInputStream& from, std::string& to) {
    return copy_fields(from, to, tag_of(onnx::GraphProto::kInitializerFieldNumber), leave_data);
  };
  std::string model;
  if (!copy_fields(in, model, tag_of(onnx::ModelProto::kGraphFieldNumber), graph) || !in.ConsumedEntireMessage())
    return std::nullopt;
  return model;
}

std::size_t number(const onnx::TensorProto& proto, int entry) {
  const std::string& text = proto.external_data(entry).value();
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

class ModelFile::Piece : public ir::Stored {
 public:
  Piece(std::shared_ptr<const ModelFile> file, std::size_t offset) : file_(std::move(file)), offset_(offset) {}
  void read(std::byte* to, std::size_t offset, std::size_t bytes) const override {
    file_->read(to, offset_ + offset, bytes);
  }

 private:
  std::shared_ptr<const ModelFile> file_;
  std::size_t offset_;
};

std::shared_ptr<const ModelFile> ModelFile::open(const fs::path& path) {
  return std::shared_ptr<const ModelFile>(new ModelFile(path));
}

ModelFile::ModelFile(const fs::path& path) : path_(path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_regular_file(path, error))
    throw ModelError(fmt::format("cannot read '{}': not a regular file", path.string()));
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw ModelError(fmt::format("cannot open '{}': {}", path.string(), std::strerror(errno)));
  version_ = version();
}

ModelFile::~ModelFile() {
  if (fd_ >= 0) ::close(fd_);
}

ModelFile::Version ModelFile::version() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return {};
  return {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

onnx::ModelProto ModelFile::parse() const {
  expect_model_size(size());
  {
    google::protobuf::io::CopyingInputStreamAdaptor raw(new Stream(fd_), 1 << 16);
    raw.SetOwnsCopyingStream(true);
    if (const auto model = without_data(raw)) return parse_model(model->data(), model->size());
  }
  google::protobuf::io::CopyingInputStreamAdaptor raw(new Stream(fd_), 1 << 16);
  raw.SetOwnsCopyingStream(true);
  return parse_model(raw, size());
}

onnx::ModelProto ModelFile::parse_metadata() const {
  expect_model_size(size());
  google::protobuf::io::CopyingInputStreamAdaptor raw(new Stream(fd_), 1 << 16);
  raw.SetOwnsCopyingStream(true);
  CodedInputStream stream(&raw);
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  onnx::ModelProto model;
  const std::uint32_t wanted = tag_of(onnx::ModelProto::kMetadataPropsFieldNumber);
  bool valid = true;
  while (const std::uint32_t tag = valid ? stream.ReadTag() : 0)
    valid = tag == wanted ? Wire::ReadMessage(&stream, model.add_metadata_props()) : Wire::SkipField(&stream, tag);
  if (!valid || !stream.ConsumedEntireMessage()) refuse_bytes(size());
  return model;
}

bool ModelFile::holds(const onnx::TensorProto& proto) {
  return proto.external_data_size() == 3 && proto.external_data(0).value() == kHere;
}

ir::Tensor ModelFile::tensor(const onnx::TensorProto& proto, DType dtype, const ir::Shape& shape, std::size_t bytes,
                             const std::string& where) const {
  const std::size_t offset = number(proto, 1), length = number(proto, 2);
  if (length != bytes) throw ModelError(fmt::format("{}: {} bytes found, {} expected for its shape", where, length, bytes));
  if (offset > size() || length > size() - offset)
    throw ModelError(fmt::format("{}: {} bytes at {} lie outside the file", where, length, offset));
  return {dtype, shape, std::make_shared<const Piece>(shared_from_this(), offset)};
}

void ModelFile::read(std::byte* to, std::size_t offset, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t count = ::pread(fd_, to + done, bytes - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw ModelError(fmt::format("cannot read '{}': {}", path_.string(), std::strerror(errno)));
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  if (done < bytes || version() != version_)
    throw ModelError(fmt::format("'{}' has been changed since it was opened", path_.string()));
}

}  // namespace inc::onnx_io
