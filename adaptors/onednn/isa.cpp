#include "adaptors/onednn/isa.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "kernels/isa.h"

namespace inc::onednn {
namespace {

struct Row {
  std::string_view name;
  dnnl::cpu_isa isa;
  bool vnni, bf16;
  kernels::Isa kernels;
};

constexpr std::array kRows{
    Row{"sse41", dnnl::cpu_isa::sse41, false, false, kernels::Isa::Baseline},
    Row{"avx", dnnl::cpu_isa::avx, false, false, kernels::Isa::Baseline},
    Row{"avx2", dnnl::cpu_isa::avx2, false, false, kernels::Isa::Avx2},
    Row{"avx2_vnni", dnnl::cpu_isa::avx2_vnni, true, false, kernels::Isa::Avx2},
    Row{"avx2_vnni_2", dnnl::cpu_isa::avx2_vnni_2, true, false, kernels::Isa::Avx2},
    Row{"avx512_core", dnnl::cpu_isa::avx512_core, false, false, kernels::Isa::Avx512},
    Row{"avx512_core_vnni", dnnl::cpu_isa::avx512_core_vnni, true, false, kernels::Isa::Avx512},
    Row{"avx512_core_bf16", dnnl::cpu_isa::avx512_core_bf16, true, true, kernels::Isa::Avx512},
    Row{"avx512_core_fp16", dnnl::cpu_isa::avx512_core_fp16, true, true, kernels::Isa::Avx512},
    Row{"avx512_core_amx", dnnl::cpu_isa::avx512_core_amx, true, true, kernels::Isa::Avx512},
    Row{"avx512_core_amx_fp16", dnnl::cpu_isa::avx512_core_amx_fp16, true, true, kernels::Isa::Avx512},
};

const Row* effective() {
  const auto isa = dnnl::get_effective_cpu_isa();
  for (const Row& row : kRows)
    if (row.isa == isa) return &row;
  return nullptr;
}

void cap(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name != name) continue;
    if (dnnl::set_max_cpu_isa(row.isa) != dnnl::status::success)
      throw BackendError("INC_MAX_ISA=" + std::string(name) + ": oneDNN no longer accepts a cap, it has already run");
    kernels::cap_isa(row.kernels, row.vnni);
    return;
  }
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.name);
  throw ConfigError("INC_MAX_ISA: unknown instruction set '" + std::string(name) + "'" + did_you_mean(name, names) +
                    ", expected one of " + joined(names));
}

}  // namespace

void apply_isa_cap() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* wanted = std::getenv("INC_MAX_ISA");
    if (wanted != nullptr && *wanted != '\0') cap(wanted);
  });
}

std::string isa_name() {
  apply_isa_cap();
  const Row* row = effective();
  return row != nullptr ? std::string(row->name) : "unknown";
}

bool has_vnni() {
  apply_isa_cap();
  const Row* row = effective();
  return row != nullptr && row->vnni;
}

bool has_bf16() {
  apply_isa_cap();
  const Row* row = effective();
  return row != nullptr && row->bf16;
}

std::string isa_of_implementation(std::string_view implementation) {
  const std::string_view last = implementation.substr(implementation.rfind(':') + 1);
  for (const Row& row : kRows)
    if (row.name == last) return std::string(last);
  if (implementation.starts_with("ref") || implementation.starts_with("simple")) return "scalar";
  return isa_name();
}

}  // namespace inc::onednn
