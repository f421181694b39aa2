#define INC_KERNEL_ISA avx512
#include "kernels/bfloat16/body.h"
