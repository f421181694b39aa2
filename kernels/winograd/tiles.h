#pragma once
// What the FP32 and the 8-bit part share: blocks of tiles, and who works on them.
#include "kernels/winograd/variant.h"

namespace inc::kernels {

constexpr std::int64_t kMostPanel = 32;  ///< output channels of a panel

/// All of a plan but the padding. lanes: of a vector of sums; bytes: of a number of a transformed patch or weight.
Winograd plan_tiles(const WinogradShape& shape, std::int64_t tile, int shares, std::int64_t lanes, std::int64_t bytes);
/// Every block. job: see WinogradBlock.
void run_tiles(const Winograd& plan, const WinogradVariant& variant, const void* job, const std::byte* packed,
               std::byte* scratch, std::int64_t bytes) noexcept;

}  // namespace inc::kernels
