#pragma once
// Which variant of a kernel runs. Decided once per process, by the CPU and the cap.
#include <cstdint>

namespace inc::kernels {

/// Baseline: what every x86-64 CPU has. Avx2: with FMA and F16C. Avx512: F, BW, DQ and VL.
enum class Isa : std::uint8_t { Baseline, Avx2, Avx512 };

/// The best that the CPU has and the cap allows.
Isa isa() noexcept;
/// Whether Avx512 runs and the CPU sums u8×s8 products in int32 (AVX512-VNNI).
bool has_vnni() noexcept;
/// Never use more than this.
void cap_isa(Isa most, bool vnni = true) noexcept;
/// "scalar", "avx2", "avx512_core".
const char* isa_name() noexcept;

}  // namespace inc::kernels
