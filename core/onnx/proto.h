#pragma once
// What the files of this room share about protobuf: guarded calls into the ONNX library, and types and attributes
// translated in both directions.
#include <google/protobuf/io/zero_copy_stream.h>
#include <onnx/onnx_pb.h>

#include <filesystem>
#include <new>
#include <string>
#include <string_view>

#include "core/ir/graph.h"

namespace inc::onnx_io {

/// One line of at most a few hundred characters.
std::string tidy(std::string_view message);

/// Runs act(); whatever the ONNX library throws becomes a Fault: "what: message".
template <class Fault, class Do>
auto guarded(std::string_view what, Do&& act) -> decltype(act()) {
  try {
    return act();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw BackendError(std::string(what) + ": out of memory");
  } catch (const std::exception& e) {
    throw Fault(std::string(what) + ": " + tidy(e.what()));
  }
}

/// Throws ModelError for more than a ModelProto can have, and for nothing.
void expect_model_size(std::size_t size);
/// Throws the ModelError of bytes that do not parse.
[[noreturn]] void refuse_bytes(std::size_t size);
/// Throws ModelError for bytes that are not a ModelProto.
onnx::ModelProto parse_model(const void* data, std::size_t size);
/// The same from a stream of that size.
onnx::ModelProto parse_model(google::protobuf::io::ZeroCopyInputStream& raw, std::size_t size);

/// "node 'conv1' (Conv)"; without a name, by the first output.
std::string describe(const onnx::NodeProto& node);
/// "Conv", "com.microsoft.Gelu".
std::string full_op(const onnx::NodeProto& node);
/// The reverse.
void set_op(onnx::NodeProto& node, std::string_view full);

/// Throws UnsupportedError naming `where` for element types that are not executed here.
DType dtype_of(int onnx_type, std::string_view where);
int onnx_type_of(DType dtype) noexcept;

/// Throws UnsupportedError for anything but dense tensors.
ir::TensorType type_of(const onnx::TypeProto& type, std::string_view where);
void set_type(onnx::TypeProto& proto, const ir::TensorType& type);

void set_attribute(onnx::AttributeProto& proto, const std::string& name, const ir::Attr& attr);

}  // namespace inc::onnx_io
