#define INC_KERNEL_ISA avx2
#include "kernels/winograd/body.h"
#include "kernels/winograd/body8.h"
