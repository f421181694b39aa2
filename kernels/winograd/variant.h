#pragma once
// The three parts of the work: patches of some tiles, sums and results of a panel of output channels.
#include "kernels/variants.h"
#include "kernels/winograd/winograd.h"
#include "kernels/winograd/winograd8.h"

namespace inc::kernels {

struct WinogradBlock {
  const Winograd* plan = nullptr;
  const void* job = nullptr;  ///< WinogradOperands, or Winograd8Job
  const std::byte* packed = nullptr;
  std::int64_t first = 0, tiles = 0;
  void* in = nullptr;   ///< [points][plan.block][plan.in_row]: patches, transformed
  void* out = nullptr;  ///< [points][plan.block][plan.panel]: sums of products
};

struct Winograd8Job {
  const Winograd8* plan = nullptr;
  const DenseOperands* operands = nullptr;
};

struct WinogradVariant {
  void (*transform)(const WinogradBlock&, std::int64_t from, std::int64_t to) = nullptr;  ///< tiles
  void (*multiply)(const WinogradBlock&, std::int64_t panel) = nullptr;                   ///< of output channels
  void (*finish)(const WinogradBlock&, std::int64_t panel) = nullptr;
  std::int64_t lanes = 1;  ///< of a vector of sums
};

constexpr std::int64_t kWinogradVectors = 2;  ///< of a panel

INC_KERNEL_DECLARE(WinogradVariant winograd_variant(std::int64_t tile, bool bf16, bool bf16_out) noexcept)
INC_KERNEL_DECLARE(WinogradVariant winograd8_variant(DenseResidual residual, bool real) noexcept)
namespace avx512vnni {
WinogradVariant winograd8_variant(DenseResidual residual, bool real) noexcept;
}

}  // namespace inc::kernels
