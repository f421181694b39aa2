#define INC_KERNEL_ISA baseline
#include "kernels/quantize/body.h"
