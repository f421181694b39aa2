#pragma once
// Models in half precision, computed in FP32.
#include <onnx/onnx_pb.h>

#include "core/onnx/constants.h"

namespace inc::onnx_io {

/// Every FLOAT16 inside the graph becomes FLOAT: constants, values, attributes that hold or name the type. Graph inputs and
/// outputs of FLOAT16 keep their names and types behind a Cast. A model that looks at the bits of its numbers (BitCast)
/// stays as it is. The model has been prepared, its types inferred and its constants taken. Whether anything changed; types
/// have to be inferred again then.
bool widen_halves(onnx::ModelProto& model, Constants& constants);

}  // namespace inc::onnx_io
