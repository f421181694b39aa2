#define INC_KERNEL_ISA avx512
#include "kernels/attention/body.h"
