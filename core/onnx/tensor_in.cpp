#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "core/onnx/proto.h"
#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kWorthBorrowing = 4096;

bool inside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

std::size_t checked_bytes(const onnx::TensorProto& proto, DType dtype, const std::string& where) {
  std::size_t bytes = size_of(dtype);
  for (const std::int64_t dim : proto.dims()) {
    if (dim < 0) throw ModelError(fmt::format("{}: dimension {} found, at least 0 expected", where, dim));
    if (__builtin_mul_overflow(bytes, static_cast<std::size_t>(dim), &bytes) || bytes > (std::size_t{1} << 46))
      throw ModelError(fmt::format("{}: too many elements", where));
  }
  return bytes;
}

void expect_size(std::size_t found, std::size_t expected, const char* unit, const std::string& where) {
  if (found != expected)
    throw ModelError(fmt::format("{}: {} {} found, {} expected for its shape", where, found, unit, expected));
}

ir::Tensor normalized_bools(DType dtype, const ir::Shape& shape, const std::byte* data) {
  ir::Tensor tensor(dtype, shape);
  std::byte* out = tensor.mutable_raw();
  for (std::size_t i = 0; i < tensor.bytes(); ++i) out[i] = data[i] == std::byte{0} ? std::byte{0} : std::byte{1};
  return tensor;
}

ir::Tensor adopt(DType dtype, const ir::Shape& shape, const std::byte* data, std::size_t bytes,
                 std::shared_ptr<const void> keeper) {
  if (dtype == DType::Bool) return normalized_bools(dtype, shape, data);
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % size_of(dtype) == 0;
  if (aligned && bytes >= kWorthBorrowing) return {dtype, shape, data, std::move(keeper)};
  ir::Tensor tensor(dtype, shape);
  if (bytes > 0) std::memcpy(tensor.mutable_raw(), data, bytes);
  return tensor;
}

std::optional<std::size_t> number(const onnx::TensorProto& proto, std::string_view key, const std::string& where) {
  for (const auto& entry : proto.external_data()) {
    if (entry.key() != key) continue;
    std::size_t value = 0;
    const char* const end = entry.value().data() + entry.value().size();
    const auto result = std::from_chars(entry.value().data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end)
      throw ModelError(fmt::format("{}: external data {} '{}' found, a number expected", where, key, entry.value()));
    return value;
  }
  return std::nullopt;
}

ir::Tensor external_tensor(const onnx::TensorProto& proto, DType dtype, const ir::Shape& shape, std::size_t bytes,
                           ExternalData& external, const std::string& where) {
  std::string location;
  for (const auto& entry : proto.external_data())
    if (entry.key() == "location") location = entry.value();
  const std::size_t offset = number(proto, "offset", where).value_or(0);
  expect_size(number(proto, "length", where).value_or(bytes), bytes, "bytes of external data", where);
  const auto file = external.open(location);
  const auto data = file->bytes();
  if (offset > data.size() || bytes > data.size() - offset)
    throw ModelError(fmt::format("{}: external data at {} of {} bytes lies outside '{}' of {} bytes", where, offset, bytes,
                                 location, data.size()));
  return adopt(dtype, shape, data.data() + offset, bytes, file);
}

template <class To, class Field>
ir::Tensor typed_tensor(DType dtype, const ir::Shape& shape, std::size_t count, const Field& field,
                        const std::string& where) {
  expect_size(static_cast<std::size_t>(field.size()), count, "elements", where);
  ir::Tensor tensor(dtype, shape);
  To* out = tensor.mutable_data<To>();
  for (const auto value : field) {
    if constexpr (std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>)
      *out++ = To::from_bits(static_cast<std::uint16_t>(value));
    else if constexpr (std::is_same_v<To, bool>)
      *out++ = value != 0;
    else
      *out++ = static_cast<To>(value);
  }
  return tensor;
}

ir::Tensor typed_tensor(const onnx::TensorProto& proto, DType dtype, const ir::Shape& shape, std::size_t count,
                        const std::string& where) {
  return visit_dtype(dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_same_v<T, float>)
      return typed_tensor<T>(dtype, shape, count, proto.float_data(), where);
    else if constexpr (std::is_same_v<T, double>)
      return typed_tensor<T>(dtype, shape, count, proto.double_data(), where);
    else if constexpr (std::is_same_v<T, std::int64_t>)
      return typed_tensor<T>(dtype, shape, count, proto.int64_data(), where);
    else if constexpr (std::is_same_v<T, std::uint32_t> || std::is_same_v<T, std::uint64_t>)
      return typed_tensor<T>(dtype, shape, count, proto.uint64_data(), where);
    else
      return typed_tensor<T>(dtype, shape, count, proto.int32_data(), where);
  });
}

}  // namespace

ExternalData::ExternalData(const std::vector<fs::path>& directories, std::shared_ptr<const ModelFile> model)
    : model_(std::move(model)) {
  for (const auto& directory : directories) {
    std::error_code error;
    auto root = fs::canonical(directory.empty() ? fs::path(".") : directory, error);
    if (!error) roots_.push_back(std::move(root));
  }
}

std::shared_ptr<const MappedFile> ExternalData::open(const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
    throw ModelError(fmt::format("external data location '{}' found, a relative path expected", location));
  for (const fs::path& part : relative)
    if (part == "..")
      throw ModelError(fmt::format("external data location '{}' leaves the directory of the model", location));
  if (roots_.empty())
    throw ModelError(fmt::format("external data '{}' cannot be read: the model has no directory", location));
  std::error_code error;
  const fs::path path = fs::canonical(roots_.front() / relative, error);
  if (error) throw ModelError(fmt::format("external data '{}' cannot be read: {}", location, error.message()));
  if (std::none_of(roots_.begin(), roots_.end(), [&](const fs::path& root) { return inside(path, root); }))
    throw ModelError(fmt::format("external data location '{}' leaves the directory of the model", location));
  try {
    return files_[location] = MappedFile::open(path);
  } catch (const DataError& e) {
    throw ModelError(fmt::format("external data '{}': {}", location, e.what()));
  }
}

ir::Tensor tensor_of(onnx::TensorProto& proto, ExternalData& external, const std::string& where) {
  if (proto.has_segment()) throw UnsupportedError(fmt::format("{}: segmented tensors are not supported", where));
  const DType dtype = dtype_of(proto.data_type(), where);
  const std::size_t bytes = checked_bytes(proto, dtype, where);
  const ir::Shape shape(proto.dims().begin(), proto.dims().end());
  if (external.model() != nullptr && ModelFile::holds(proto)) {
    ir::Tensor left = external.model()->tensor(proto, dtype, shape, bytes, where);
    return dtype == DType::Bool ? normalized_bools(dtype, shape, left.raw()) : left;
  }
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return external_tensor(proto, dtype, shape, bytes, external, where);
  if (!proto.has_raw_data()) return typed_tensor(proto, dtype, shape, bytes / size_of(dtype), where);
  expect_size(proto.raw_data().size(), bytes, "bytes", where);
  const auto kept = std::make_shared<const std::string>(std::move(*proto.mutable_raw_data()));
  return adopt(dtype, shape, reinterpret_cast<const std::byte*>(kept->data()), bytes, kept);
}

}  // namespace inc::onnx_io
