#define INC_KERNEL_ISA avx512_bf16
#define INC_KERNEL_BF16_DOT
#include "kernels/attention/body.h"
