#define INC_KERNEL_ISA avx512
#include "kernels/attention/body.h"
#include "kernels/attention/body8.h"
