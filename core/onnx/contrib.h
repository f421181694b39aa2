#pragma once
// Quantized operators of the com.microsoft domain, as onnxruntime.quantization writes them, in words of ai.onnx.
#include <onnx/onnx_pb.h>

namespace inc::onnx_io {

/// Replaces every such node by DequantizeLinear, the operator over floats, and QuantizeLinear; nodes of the domain that
/// have no row here stay. Meant for opset 13 and newer (scales per channel). A node is refused with UnsupportedError
/// where a form of it has no such words (channels last, an output zero point left out).
void expand_contrib(onnx::ModelProto& model);

}  // namespace inc::onnx_io
