#include "core/eval/observed.h"

#include <chrono>

#include "core/base/error.h"

namespace inc::eval {

std::vector<ir::Tensor> ObservedExecutable::run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap) const {
  using Clock = std::chrono::steady_clock;
  if (ended_ || !watch_(samples_)) {
    ended_ = true;
    throw BackendError("the evaluation was stopped");
  }
  const auto start = Clock::now();
  std::vector<ir::Tensor> outputs = inner_.run(inputs, tap);
  nanoseconds_ += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  samples_ += inputs.empty() || inputs[0].shape().empty() ? 1 : inputs[0].shape()[0];
  return outputs;
}

}  // namespace inc::eval
