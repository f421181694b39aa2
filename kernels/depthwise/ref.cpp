#define INC_KERNEL_ISA baseline
#include "kernels/depthwise/body.h"
