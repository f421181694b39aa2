#pragma once
// Calls the variant of a kernel function for the ISA that runs: INC_KERNEL_CALL(quantize_u8, src, dst, …).
#include "kernels/isa.h"

#define INC_KERNEL_DECLARE(signature) \
  namespace baseline {                \
  signature;                          \
  }                                   \
  namespace avx2 {                    \
  signature;                          \
  }                                   \
  namespace avx512 {                  \
  signature;                          \
  }

#define INC_KERNEL_CALL(function, ...)    \
  do {                                    \
    switch (::inc::kernels::isa()) {      \
      case ::inc::kernels::Isa::Baseline: \
        baseline::function(__VA_ARGS__);  \
        break;                            \
      case ::inc::kernels::Isa::Avx2:     \
        avx2::function(__VA_ARGS__);      \
        break;                            \
      case ::inc::kernels::Isa::Avx512:   \
        avx512::function(__VA_ARGS__);    \
        break;                            \
    }                                     \
  } while (false)
