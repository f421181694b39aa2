#define INC_KERNEL_ISA avx2
#include "kernels/bfloat16/body.h"
