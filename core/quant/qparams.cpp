#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/quant/quantize.h"

namespace inc::quant {
namespace {

struct Levels {
  double low, high;
};

Levels levels_of(const Scheme& scheme) {
  const bool symmetric = scheme.symmetry == Symmetry::Symmetric;
  if (scheme.dtype == DType::Int8) return symmetric ? Levels{-127, 127} : Levels{-128, 127};
  if (scheme.dtype == DType::UInt8) return symmetric ? Levels{1, 255} : Levels{0, 255};
  throw ConfigError(fmt::format("quantized type: {} found, uint8 or int8 expected", inc::name_of(scheme.dtype)));
}

/// Never denormal; and no level, at most `farthest` steps from zero, overflows.
double usable_scale(double scale, double farthest) {
  constexpr double kLeast = std::numeric_limits<float>::min(), kMost = std::numeric_limits<float>::max();
  return std::clamp(scale, kLeast, kMost / (farthest * 1.0001));
}

}  // namespace

QParams qparams_from_range(const Range& range, const Scheme& scheme) {
  if (!std::isfinite(range.lo) || !std::isfinite(range.hi))
    throw ModelError(fmt::format("range is not finite: [{}, {}] found, two finite bounds expected", range.lo, range.hi));
  if (range.lo > range.hi)
    throw ModelError(
        fmt::format("range is empty: [{}, {}] found, lower bound at most the upper one expected", range.lo, range.hi));
  const Levels levels = levels_of(scheme);
  const double lo = std::min(0.0, static_cast<double>(range.lo)), hi = std::max(0.0, static_cast<double>(range.hi));
  if (scheme.symmetry == Symmetry::Symmetric) {
    const double bound = std::max(-lo, hi);
    return {scheme.dtype,
            {bound > 0 ? static_cast<float>(usable_scale(bound / 127, 128)) : 1.0f},
            {scheme.dtype == DType::UInt8 ? 128 : 0},
            -1};
  }
  const double steps = levels.high - levels.low;
  double scale = hi > lo ? usable_scale((hi - lo) / steps, 1) : 1.0;
  const double zero = std::clamp(std::nearbyint(levels.low - lo / scale), levels.low, levels.high);
  scale = usable_scale(scale, std::max(zero - levels.low, levels.high - zero));
  return {scheme.dtype, {static_cast<float>(scale)}, {static_cast<std::int32_t>(zero)}, -1};
}

}  // namespace inc::quant
