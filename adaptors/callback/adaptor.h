#pragma once
// Another engine executes the models; ours does what it cannot be asked for: intermediate values, suffixes.
#include <functional>
#include <memory>
#include <string>

#include "core/runtime/adaptor.h"

namespace inc::callback {

struct Engine {
  std::string name, version;
  /// The graph made ready to run. Called on the first run, by one thread at a time; what it throws reaches the caller.
  std::function<std::unique_ptr<const runtime::Executable>(const ir::Graph&)> prepare;
  bool bf16 = false;  ///< whether it executes ONNX's BFLOAT16 operators
};

/// Executable::run() without a tap is the engine's, everything else `inner`'s. What `inner` supports is supported, but for
/// BF16 where the engine has none. Latencies are the engine's own, calls included.
std::unique_ptr<const runtime::Adaptor> make_adaptor(Engine engine, std::unique_ptr<const runtime::Adaptor> inner);

}  // namespace inc::callback
