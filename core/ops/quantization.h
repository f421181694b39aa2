#pragma once
// Inside the quantization family: its groups of rows, and the one rounding rule.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/ops/support.h"

namespace inc::ops {

std::span<const OpInfo> qdq_rows();      ///< QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear
std::span<const OpInfo> integer_rows();  ///< ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul
/// inc.PairLoss (x of 8 bits, x_scale, int8 weight, weight scales, x_zero_point or none) with `layout` conv, matmul or gemm
/// and the attributes of that operator: what the saturation of pairs at int16 (pair_sum.h) adds to its FP32 result.
std::span<const OpInfo> saturation_rows();

/// saturate(round_half_even(value) + zero_point); NaN becomes the zero point.
template <class Q>
Q saturated(double value, Q zero_point) noexcept {
  if (value != value) return zero_point;
  const double q = std::nearbyint(value) + static_cast<double>(zero_point);
  return static_cast<Q>(std::clamp(q, static_cast<double>(std::numeric_limits<Q>::lowest()),
                                   static_cast<double>(std::numeric_limits<Q>::max())));
}

/// visit_dtype over the integer types of at most 32 bits.
template <class Fn>
decltype(auto) visit_quantized(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::Int8:
      return fn(std::int8_t{});
    case DType::UInt8:
      return fn(std::uint8_t{});
    case DType::Int16:
      return fn(std::int16_t{});
    case DType::UInt16:
      return fn(std::uint16_t{});
    case DType::Int32:
      return fn(std::int32_t{});
    default:
      refuse_dtype(dtype);
  }
}

}  // namespace inc::ops
