#define INC_KERNEL_ISA baseline
#include "kernels/attention/body.h"
#include "kernels/attention/body8.h"
