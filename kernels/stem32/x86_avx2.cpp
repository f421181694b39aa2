#define INC_KERNEL_ISA avx2
#include "kernels/stem32/body.h"
