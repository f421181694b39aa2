#define INC_KERNEL_ISA avx512
#include "kernels/pool8/body.h"
