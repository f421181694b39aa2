#define INC_KERNEL_ISA baseline
#include "kernels/normalize/body.h"
