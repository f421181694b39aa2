#define INC_KERNEL_ISA avx2
#include "kernels/attention/body.h"
#include "kernels/attention/body8.h"
