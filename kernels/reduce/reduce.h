#pragma once
// Reductions of src[outer][count][inner] to dst[outer][inner].
#include <cstdint>

namespace inc::kernels {

enum class Reduce : std::uint8_t { Sum, Mean, Max, Min, SumSquare, L1, L2 };

/// Each result is summed in a fixed order, whatever the number of threads.
void reduce(Reduce op, const float* src, float* dst, std::int64_t outer, std::int64_t count, std::int64_t inner) noexcept;

}  // namespace inc::kernels
