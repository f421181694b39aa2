#include "kernels/list.h"

namespace inc::kernels {
namespace {

constexpr Variant kVariants[] = {
#include "kernel_list.inc"
};

}  // namespace

std::span<const Variant> list() noexcept {
  return kVariants;
}

}  // namespace inc::kernels
