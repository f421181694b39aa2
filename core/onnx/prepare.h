#pragma once
// From a parsed model to one of a single shape: valid, no functions, no Constant nodes, recent opset, types inferred.
#include <onnx/onnx_pb.h>

#include "core/onnx/constants.h"

namespace inc::onnx_io {

/// The opset of the ai.onnx domain. Throws ModelError when there is none.
std::int64_t opset_of(const onnx::ModelProto& model);

/// The ONNX checker; with `types` all inferred types and shapes too. Throws ModelError.
void check(onnx::ModelProto model, bool types = false);

/// Returns the constants; `model` keeps inputs, nodes, outputs and, as value_info, the types of everything else.
/// Throws ModelError, UnsupportedError.
Constants prepare(onnx::ModelProto& model, ExternalData& external);

}  // namespace inc::onnx_io
