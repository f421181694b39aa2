#define INC_KERNEL_ISA baseline
#include "kernels/resample/body.h"
