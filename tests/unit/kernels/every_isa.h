#pragma once
// The same tests under every instruction set that the CPU has; afterwards nothing is capped, and threads are the default.
#include <gtest/gtest.h>

#include <string>

#include "core/base/parallel.h"
#include "kernels/isa.h"

namespace inc::kernels {

struct IsaCase {
  Isa isa;
  bool vnni = false;
};

class EveryIsa : public ::testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    cap_isa(Isa::Avx512);
    if (isa() < GetParam().isa || (GetParam().vnni && !has_vnni())) GTEST_SKIP() << "this CPU lacks the instruction set";
    cap_isa(GetParam().isa, GetParam().vnni);
  }
  void TearDown() override {
    cap_isa(Isa::Avx512);
    set_threads(0);
  }
};

inline std::string name_of(const ::testing::TestParamInfo<IsaCase>& info) {
  const IsaCase& at = info.param;
  return at.vnni ? "Avx512Vnni" : at.isa == Isa::Baseline ? "Scalar" : at.isa == Isa::Avx2 ? "Avx2" : "Avx512";
}

inline const auto kIsas = ::testing::Values(IsaCase{Isa::Baseline}, IsaCase{Isa::Avx2}, IsaCase{Isa::Avx512});
inline const auto kIsasAndVnni =
    ::testing::Values(IsaCase{Isa::Baseline}, IsaCase{Isa::Avx2}, IsaCase{Isa::Avx512}, IsaCase{Isa::Avx512, true});

}  // namespace inc::kernels
