#define INC_KERNEL_ISA baseline
#include "kernels/pool8/body.h"
