#pragma once
// What the driver hands to the variant: some channels of a row of output pixels.
#include "kernels/depthwise32/depthwise32.h"

namespace inc::kernels {

struct Depthwise32Row {
  const Depthwise32* plan = nullptr;
  const Depthwise32Operands* operands = nullptr;
  std::int64_t image = 0, row = 0;
  std::int64_t begin = 0, end = 0;  ///< channels
  const float* later = nullptr;     ///< will be wanted by the next row
  std::int64_t later_numbers = 0;
};

namespace avx2 {
void run_depthwise32(const Depthwise32Row& row) noexcept;
}

}  // namespace inc::kernels
