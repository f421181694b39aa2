#define INC_KERNEL_ISA baseline
#include "kernels/bfloat16/body.h"
