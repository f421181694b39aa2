#define INC_KERNEL_ISA avx512
#include "kernels/elementwise/body.h"
