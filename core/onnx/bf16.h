#pragma once
// BFLOAT16 in standard models: which opset it takes, and how a model gets there.
#include <onnx/onnx_pb.h>

#include "core/ir/graph.h"
#include "core/onnx/constants.h"

namespace inc::onnx_io {

/// The lowest opset, not below `opset`, at which ONNX has every BF16 operator of the graph in BF16; `opset` itself where
/// there is none. Throws UnsupportedError naming the first one that has no such opset.
std::int64_t opset_for_bf16(const ir::Graph& graph, std::int64_t opset);

/// ONNX's version converter on a model whose constants are apart. Throws UnsupportedError.
void raise_opset(onnx::ModelProto& model, Constants& constants, std::int64_t opset);

}  // namespace inc::onnx_io
