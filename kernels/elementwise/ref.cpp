#define INC_KERNEL_ISA baseline
#include "kernels/elementwise/body.h"
