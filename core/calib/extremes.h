#pragma once
#include <cstdint>

#include "core/ir/tensor.h"

namespace inc::calib {

/// The extremes of finite elements; meaningless while there are none.
struct Extremes {
  float min = 0, max = 0;
  std::int64_t count = 0;  ///< elements seen
  std::int64_t not_finite = 0;
  bool any() const noexcept { return count > not_finite; }
  void merge(const Extremes& other) noexcept;
  bool operator==(const Extremes&) const = default;
};
Extremes extremes_of(const ir::Tensor& tensor);  ///< FP32 tensors only

}  // namespace inc::calib
