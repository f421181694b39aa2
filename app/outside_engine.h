#pragma once
// Another engine that reads ONNX models (onnxruntime, …), as an adaptor.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/runtime/adaptor.h"

namespace inc::app {

/// Runs one model: inputs in the order of its inputs, outputs in the order of its outputs.
using OutsideModel = std::function<std::vector<ir::Tensor>(std::span<const ir::Tensor>)>;

struct OutsideEngine {
  std::string name, version;
  /// Makes a serialized ModelProto (standard ONNX, QDQ, all data inline) ready to run. May throw; a model that it cannot run
  /// is a failed trial when the error is an inc::Error.
  std::function<OutsideModel(const std::string& model)> load;
};

/// Executes every candidate in that engine; calibration statistics and sensitivities are taken in ours.
std::unique_ptr<const runtime::Adaptor> make_adaptor(const OutsideEngine& engine);

}  // namespace inc::app
