#define INC_KERNEL_ISA baseline
#include "kernels/recurrent/body.h"
