#define INC_KERNEL_ISA avx2
#include "kernels/activate/body.h"
