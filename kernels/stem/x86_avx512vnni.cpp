#define INC_KERNEL_ISA avx512vnni
#define INC_KERNEL_VNNI
#include "kernels/stem/body.h"
