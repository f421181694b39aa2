#pragma once
// What a run takes in memory. Executables that can tell are a Footprint too.
#include <cstddef>

#include "core/runtime/adaptor.h"

namespace inc::runtime {

class Footprint {
 public:
  virtual ~Footprint() = default;
  /// Of a run like the largest so far: the weights as its kernels read them, and the working memory of one run. 0 before
  /// the first run.
  virtual std::size_t footprint_bytes() const = 0;
};

/// 0 where the executable cannot tell.
inline std::size_t footprint_bytes(const Executable& executable) {
  const auto* known = dynamic_cast<const Footprint*>(&executable);
  return known != nullptr ? known->footprint_bytes() : 0;
}

}  // namespace inc::runtime
