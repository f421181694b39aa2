#define INC_KERNEL_ISA avx512
#include "kernels/stem32/body.h"
