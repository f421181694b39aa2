#include "core/eval/observed.h"

#include <cmath>

#include "core/base/error.h"
#include "core/base/stopwatch.h"

namespace inc::eval {

std::vector<ir::Tensor> ObservedExecutable::run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const {
  if (ended_ || !watch_(samples_)) {
    ended_ = true;
    throw BackendError("the evaluation was stopped");
  }
  const Stopwatch watch;
  std::vector<ir::Tensor> outputs = inner_.run(inputs, tap);
  nanoseconds_ += std::llround(1e9 * watch.seconds());
  samples_ += inputs.empty() || inputs[0].shape().empty() ? 1 : inputs[0].shape()[0];
  return outputs;
}

}  // namespace inc::eval
