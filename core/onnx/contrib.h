#pragma once
// Operators of the com.microsoft domain, as onnxruntime's quantizer and optimizer write them, in words of ai.onnx.
#include <onnx/onnx_pb.h>

namespace inc::onnx_io {

/// onnxruntime's optimizer leaves some of its operators in the standard domain, at opsets that do not have them: these
/// move to com.microsoft.
void claim_contrib(onnx::ModelProto& model);

/// An operator that expand_contrib replaces reads levels of 16 bits, which the words of ai.onnx take from opset 21 on.
bool contrib_of_16_bits(const onnx::ModelProto& model);

/// Replaces quantized operators by DequantizeLinear, the operator over floats, and QuantizeLinear, and fused ones by what
/// they were fused from; nodes of the domain that have no row here stay. Meant for opset 13 and newer. A node is refused
/// with UnsupportedError where a form of it has no such words (channels last, an output zero point left out, a cache).
void expand_contrib(onnx::ModelProto& model);

}  // namespace inc::onnx_io
