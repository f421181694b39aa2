#define INC_KERNEL_ISA baseline
#include "kernels/reduce/body.h"
