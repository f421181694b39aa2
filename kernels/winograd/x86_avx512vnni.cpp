#define INC_KERNEL_ISA avx512vnni
#define INC_KERNEL_VNNI
#include "kernels/winograd/body8.h"
