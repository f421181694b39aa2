#pragma once
// An executable that somebody else runs, watched.
#include <atomic>
#include <functional>

#include "core/runtime/adaptor.h"

namespace inc::eval {

/// Counts samples and seconds of what is run through it. Ended by its watcher, it throws from then on.
class ObservedExecutable final : public runtime::Executable {
 public:
  /// `watch` is called with the samples done, before each run; returning false ends it. Both outlive the object.
  ObservedExecutable(const runtime::Executable& inner, std::function<bool(std::int64_t)> watch)
      : inner_(inner), watch_(std::move(watch)) {}

  /// Throws BackendError when it was ended.
  std::vector<ir::Tensor> run(std::span<const ir::Tensor> inputs, const runtime::TapSink& tap = {}) const override;
  std::vector<runtime::StepProfile> profile(std::span<const ir::Tensor> inputs, int iterations) const override {
    return inner_.profile(inputs, iterations);
  }

  std::int64_t samples() const noexcept { return samples_; }
  double seconds() const noexcept { return 1e-9 * static_cast<double>(nanoseconds_); }
  bool ended() const noexcept { return ended_; }

 private:
  const runtime::Executable& inner_;
  std::function<bool(std::int64_t)> watch_;
  mutable std::atomic<std::int64_t> samples_ = 0, nanoseconds_ = 0;
  mutable std::atomic<bool> ended_ = false;
};

}  // namespace inc::eval
