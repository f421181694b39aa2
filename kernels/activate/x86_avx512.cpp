#define INC_KERNEL_ISA avx512
#include "kernels/activate/body.h"
