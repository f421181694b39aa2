#pragma once
// Which instruction set runs, in the names of oneDNN's CPU dispatcher control.
#include <string>
#include <string_view>

namespace inc::onednn {

/// Caps oneDNN and our kernels by the environment variable INC_MAX_ISA, once per process and before the first
/// primitive. Throws ConfigError for an unknown name.
void apply_isa_cap();

/// The effective ISA: "avx2", "avx2_vnni", "avx512_core", "avx512_core_vnni", "avx512_core_bf16", "avx512_core_amx", …
std::string isa_name();

/// Whether u8×s8 products are summed in int32 at once (VNNI, AMX). Without, pairs of products saturate at int16.
bool has_vnni();

/// Whether BF16 products are summed in FP32 by an instruction (AVX512-BF16, AMX). Without, BF16 is FP32 rounded to BF16.
bool has_bf16();

/// The ISA named in a oneDNN implementation string ("jit:avx512_core_vnni"), otherwise the effective one.
std::string isa_of_implementation(std::string_view implementation);

}  // namespace inc::onednn
