#pragma once
// What the machine can do at most, as far as the library's best kernels show it.
#include <optional>

#include "core/quant/scheme.h"

namespace inc::onednn {

/// Giga-operations a second (two for a multiply-add) of the fastest of a few large convolutions and matrix products, with
/// the threads that are set; INT8 is u8×s8. Measured for about `seconds` when first asked for that precision and number
/// of threads, then remembered. Nothing where the CPU has no instructions for the precision (BF16 by emulation is none).
std::optional<double> ceiling_gops(quant::Precision precision, double seconds = 0.7);

}  // namespace inc::onednn
