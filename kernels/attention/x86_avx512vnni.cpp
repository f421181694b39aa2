#define INC_KERNEL_ISA avx512_vnni
#define INC_KERNEL_VNNI
#include "kernels/attention/body.h"
#include "kernels/attention/body8.h"
