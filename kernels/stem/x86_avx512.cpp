#define INC_KERNEL_ISA avx512
#include "kernels/stem/body.h"
