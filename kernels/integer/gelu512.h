// Gelu for the panels of turns512.h; included before it.
#include <cmath>

namespace inc::kernels::INC_KERNEL_ISA {
namespace {

/// gelu(x) = max(x, 0) - f(|x|), with f(x) = x (1 - erf(x / sqrt 2)) / 2 by polynomials around 0, 1, … 15 widths, half a
/// width to both sides; constant behind. Of degree 5 within 1e-7, of degree 3 within 5e-6.
template <int kDegree>
struct GeluTable {
  static constexpr double kWidth = (kDegree == 5 ? 5.6 : 4.8) / 15.5;
  alignas(64) float c[kDegree + 1][16];

  /// Through Chebyshev's points, by Newton's differences.
  GeluTable() {
    for (int part = 0; part < 16; ++part) {
      double at[kDegree + 1], d[kDegree + 1], power[kDegree + 1] = {};
      for (int i = 0; i <= kDegree; ++i) {
        at[i] = -0.5 * std::cos(M_PI * (i + 0.5) / (kDegree + 1));
        const double x = (part + at[i]) * kWidth;
        d[i] = 0.5 * x * std::erfc(x * M_SQRT1_2);
      }
      for (int j = 1; j <= kDegree; ++j)
        for (int i = kDegree; i >= j; --i) d[i] = (d[i] - d[i - 1]) / (at[i] - at[i - j]);
      for (int j = kDegree; j >= 0; --j) {  // power = power * (x - at[j]) + d[j]
        for (int i = kDegree; i > 0; --i) power[i] = power[i - 1] - at[j] * power[i];
        power[0] = d[j] - at[j] * power[0];
      }
      for (int i = 0; i <= kDegree; ++i) c[i][part] = static_cast<float>(power[i]);
    }
  }
};

template <int kDegree>
struct Gelu {
  __m512 c[kDegree + 1];

  /// In units of `unit`.
  explicit Gelu(float unit) {
    static const GeluTable<kDegree> kTable;
    for (int i = 0; i <= kDegree; ++i) c[i] = _mm512_div_ps(_mm512_load_ps(kTable.c[i]), _mm512_set1_ps(unit));
  }

  /// f(|x|), x in widths.
  INC_ALWAYS __m512 below(__m512 x) const {
    const __m512 magic = _mm512_set1_ps(12582912.0f);  // puts the nearest integer into the last bits
    x = _mm512_maskz_min_ps(0xffff, _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x), _mm512_set1_ps(15.49999f));
    const __m512 nearest = _mm512_add_ps(x, magic), rest = _mm512_sub_ps(x, _mm512_sub_ps(nearest, magic));
    const __m512i part = _mm512_castps_si512(nearest);
    __m512 y = _mm512_permutexvar_ps(part, c[kDegree]);
#pragma GCC unroll 8
    for (int i = kDegree - 1; i >= 0; --i) y = _mm512_fmadd_ps(y, rest, _mm512_permutexvar_ps(part, c[i]));
    return y;
  }
};

}  // namespace
}  // namespace inc::kernels::INC_KERNEL_ISA
