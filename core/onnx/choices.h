#pragma once
// If whose condition does not depend on the data.
#include <onnx/onnx_pb.h>

namespace inc::onnx_io {

/// Replaces each If whose condition follows from constants and known dimensions by the branch that is taken, branches
/// within branches too. Other ones stay, as do those whose branches do not fit the node. The model has been normalized.
void inline_choices(onnx::ModelProto& model);

}  // namespace inc::onnx_io
