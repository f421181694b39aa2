#include "core/onnx/proto.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <limits>
#include <utility>

#include "core/onnx/tensor_io.h"

namespace inc::onnx_io {
namespace {

constexpr std::array<std::pair<DType, int>, 13> kTypes{{
    {DType::Float, onnx::TensorProto::FLOAT},
    {DType::Double, onnx::TensorProto::DOUBLE},
    {DType::Float16, onnx::TensorProto::FLOAT16},
    {DType::BFloat16, onnx::TensorProto::BFLOAT16},
    {DType::Int8, onnx::TensorProto::INT8},
    {DType::UInt8, onnx::TensorProto::UINT8},
    {DType::Int16, onnx::TensorProto::INT16},
    {DType::UInt16, onnx::TensorProto::UINT16},
    {DType::Int32, onnx::TensorProto::INT32},
    {DType::UInt32, onnx::TensorProto::UINT32},
    {DType::Int64, onnx::TensorProto::INT64},
    {DType::UInt64, onnx::TensorProto::UINT64},
    {DType::Bool, onnx::TensorProto::BOOL},
}};

std::string type_name(int onnx_type) {
  return onnx::TensorProto::DataType_IsValid(onnx_type)
             ? onnx::TensorProto::DataType_Name(static_cast<onnx::TensorProto::DataType>(onnx_type))
             : std::to_string(onnx_type);
}

}  // namespace

void expect_model_size(std::size_t size) {
  if (size == 0) throw ModelError("not an ONNX model: the file is empty");
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw ModelError(
        fmt::format("not an ONNX model: {} bytes found, at most 2147483647 expected (use external data)", size));
}

void refuse_bytes(std::size_t size) {
  throw ModelError(fmt::format("not an ONNX model: the {} bytes do not parse (truncated, or another format)", size));
}

std::string tidy(std::string_view message) {
  constexpr std::size_t kLongest = 400;
  std::string text;
  for (const char c : message) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (blank && (text.empty() || text.back() == ' ')) continue;
    text += blank ? ' ' : c;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text.size() > kLongest ? text.substr(0, kLongest) + " …" : text;
}

onnx::ModelProto parse_model(google::protobuf::io::ZeroCopyInputStream& raw, std::size_t size) {
  const google::protobuf::LogSilencer silence;
  google::protobuf::io::CodedInputStream stream(&raw);
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) refuse_bytes(size);
  if (!model.has_ir_version() || !model.has_graph())
    throw ModelError("not an ONNX model: it parses but has no IR version or no graph");
  return model;
}

onnx::ModelProto parse_model(const void* data, std::size_t size) {
  expect_model_size(size);
  google::protobuf::io::ArrayInputStream raw(data, static_cast<int>(size));
  return parse_model(raw, size);
}

std::string describe(const onnx::NodeProto& node) {
  const std::string& name = !node.name().empty() || node.output_size() == 0 ? node.name() : node.output(0);
  return fmt::format("node '{}' ({})", name, full_op(node));
}

std::string full_op(const onnx::NodeProto& node) {
  return node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type();
}

void set_op(onnx::NodeProto& node, std::string_view full) {
  const auto dot = full.rfind('.');
  if (dot != std::string_view::npos) node.set_domain(std::string(full.substr(0, dot)));
  node.set_op_type(std::string(dot == std::string_view::npos ? full : full.substr(dot + 1)));
}

DType dtype_of(int onnx_type, std::string_view where) {
  for (const auto& [dtype, number] : kTypes)
    if (number == onnx_type) return dtype;
  throw UnsupportedError(fmt::format("{}: element type {} is not supported", where, type_name(onnx_type)));
}

int onnx_type_of(DType dtype) noexcept {
  for (const auto& [known, number] : kTypes)
    if (known == dtype) return number;
  return onnx::TensorProto::UNDEFINED;
}

ir::TensorType type_of(const onnx::TypeProto& type, std::string_view where) {
  if (!type.has_tensor_type())
    throw UnsupportedError(
        fmt::format("{}: only dense tensors are supported, not sequences, optionals, maps or sparse tensors", where));
  const auto& tensor = type.tensor_type();
  ir::TensorType out{dtype_of(tensor.elem_type(), where), std::nullopt};
  if (!tensor.has_shape()) return out;
  out.dims.emplace();
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      out.dims->push_back({dim.dim_value(), {}});
    else
      out.dims->push_back({-1, dim.dim_param()});
  }
  return out;
}

void set_type(onnx::TypeProto& proto, const ir::TensorType& type) {
  auto* tensor = proto.mutable_tensor_type();
  tensor->set_elem_type(onnx_type_of(type.dtype));
  if (!type.dims) return;
  auto* shape = tensor->mutable_shape();
  for (const ir::Dim& dim : *type.dims) {
    auto* added = shape->add_dim();
    if (dim.known())
      added->set_dim_value(dim.value);
    else if (!dim.symbol.empty())
      added->set_dim_param(dim.symbol);
  }
}

namespace {

struct AttributeWriter {
  onnx::AttributeProto& proto;
  void operator()(std::int64_t v) const { proto.set_type(onnx::AttributeProto::INT), proto.set_i(v); }
  void operator()(float v) const { proto.set_type(onnx::AttributeProto::FLOAT), proto.set_f(v); }
  void operator()(const std::string& v) const { proto.set_type(onnx::AttributeProto::STRING), proto.set_s(v); }
  void operator()(const std::vector<std::int64_t>& v) const {
    proto.set_type(onnx::AttributeProto::INTS);
    proto.mutable_ints()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<float>& v) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    proto.mutable_floats()->Add(v.begin(), v.end());
  }
  void operator()(const std::vector<std::string>& v) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const auto& text : v) proto.add_strings(text);
  }
  void operator()(const ir::Tensor& v) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    describe_tensor(*proto.mutable_t(), "", v);
    store_inline(*proto.mutable_t(), v);
  }
};

}  // namespace

void set_attribute(onnx::AttributeProto& proto, const std::string& name, const ir::Attr& attr) {
  proto.set_name(name);
  std::visit(AttributeWriter{proto}, attr);
}

}  // namespace inc::onnx_io
