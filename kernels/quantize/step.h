#pragma once
// What the variants of the family divide by.
#include "kernels/quantize/quantize.h"

namespace inc::kernels {

/// Without an inverse (high 0) by the scale itself.
struct Step {
  float scale = 0;
  Inverse inverse = {};
};

}  // namespace inc::kernels
