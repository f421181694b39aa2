#include "kernels/isa.h"

#include <algorithm>
#include <atomic>

namespace inc::kernels {
namespace {

Isa detect() noexcept {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return Isa::Avx512;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Isa::Avx2 : Isa::Baseline;
}

std::atomic<Isa> g_cap{Isa::Avx512};
std::atomic<bool> g_vnni{true};

}  // namespace

Isa isa() noexcept {
  static const Isa detected = detect();
  return std::min(detected, g_cap.load(std::memory_order_relaxed));
}

bool has_vnni() noexcept {
  static const bool detected = detect() == Isa::Avx512 && __builtin_cpu_supports("avx512vnni");
  return detected && isa() == Isa::Avx512 && g_vnni.load(std::memory_order_relaxed);
}

void cap_isa(Isa most, bool vnni) noexcept {
  g_cap.store(most, std::memory_order_relaxed);
  g_vnni.store(vnni, std::memory_order_relaxed);
}

const char* isa_name() noexcept {
  switch (isa()) {
    case Isa::Baseline:
      return "scalar";
    case Isa::Avx2:
      return "avx2";
    case Isa::Avx512:
      return "avx512_core";
  }
  return "scalar";
}

}  // namespace inc::kernels
