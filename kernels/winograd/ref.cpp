#define INC_KERNEL_ISA baseline
#include "kernels/winograd/body.h"
#include "kernels/winograd/body8.h"
