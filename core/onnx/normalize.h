#pragma once
// Spelling differences between exporters, levelled before anything else looks at a model.
#include <onnx/onnx_pb.h>

namespace inc::onnx_io {

/// One name of the default domain (""), one import per domain, IR version 4 at least once inputs and initializers are
/// told apart, a graph name, no negative dimensions. Throws ModelError for names that are not UTF-8, outputs that are
/// listed twice, and imports that contradict each other.
void normalize(onnx::ModelProto& model);

/// Gives declared values that nothing produces ("<float[4,3] w>" in textual models) deterministic data in [-1, 1),
/// seeded by their name; integers get zeros.
void fill_elided_constants(onnx::GraphProto& graph);

}  // namespace inc::onnx_io
