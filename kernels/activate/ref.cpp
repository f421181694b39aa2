#define INC_KERNEL_ISA baseline
#include "kernels/activate/body.h"
