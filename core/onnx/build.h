#pragma once
// From a prepared model to a graph.
#include "core/ir/graph.h"
#include "core/onnx/constants.h"

namespace inc::onnx_io {

/// Throws ModelError (names that do not resolve), UnsupportedError (operators and types that are not executed here).
ir::Graph build_graph(onnx::ModelProto& model, const Constants& constants, ExternalData& external);

}  // namespace inc::onnx_io
