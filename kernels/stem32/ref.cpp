#define INC_KERNEL_ISA baseline
#include "kernels/stem32/body.h"
