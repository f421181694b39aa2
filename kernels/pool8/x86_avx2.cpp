#define INC_KERNEL_ISA avx2
#include "kernels/pool8/body.h"
