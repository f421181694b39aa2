#define INC_KERNEL_ISA avx512
#include "kernels/winograd/body.h"
#include "kernels/winograd/body8.h"
