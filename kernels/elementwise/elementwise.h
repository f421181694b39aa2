#pragma once
// Element by element, with broadcasting.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/bfloat16.h"
#include "core/base/dtype.h"

namespace inc::kernels {

enum class Binary : std::uint8_t { Add, Sub, Mul, Div, Max, Min, Pow, PRelu };
enum class Compare : std::uint8_t { Equal, Less, LessOrEqual, Greater, GreaterOrEqual };
enum class Unary : std::uint8_t { Erf, Neg, Abs, Sqrt, Reciprocal, Floor, Ceil, Square, Cube, ThreeQuarters, Relu, Exp };

/// Extents of the destination, which is dense in this order of axes, and the operands' strides (0 where broadcast).
/// Neighbouring axes that both operands walk alike are merged.
struct Broadcast {
  static constexpr int kMostDims = 16;
  int rank = 1;
  std::array<std::int64_t, kMostDims> dims{1}, a{1}, b{1};
  std::int64_t count = 1;
};
Broadcast broadcast(std::span<const std::int64_t> dims, std::span<const std::int64_t> a,
                    std::span<const std::int64_t> b) noexcept;

/// FP32. Max and Min hand on NaN. dst may be a or b where that operand is not broadcast.
void binary(Binary op, const float* a, const float* b, float* dst, const Broadcast& shape) noexcept;
/// In FP32, rounded once.
void binary(Binary op, const BFloat16* a, const BFloat16* b, BFloat16* dst, const Broadcast& shape) noexcept;
/// Integers of 32 or 64 bits: Add, Sub, Mul, Max, Min.
void binary(Binary op, const std::int32_t* a, const std::int32_t* b, std::int32_t* dst, const Broadcast& shape) noexcept;
void binary(Binary op, const std::int64_t* a, const std::int64_t* b, std::int64_t* dst, const Broadcast& shape) noexcept;
/// float, int32, int64, uint8, int8 or bool operands; dst is bool. False when the type is another.
bool compare(Compare op, DType dtype, const std::byte* a, const std::byte* b, bool* dst, const Broadcast& shape) noexcept;
/// dst = condition ? a : b for elements of `size` bytes; `condition` has its own strides along shape's axes.
void choose(const bool* condition, std::span<const std::int64_t> condition_strides, const std::byte* a, const std::byte* b,
            std::byte* dst, std::size_t size, std::span<const std::int64_t> dims, std::span<const std::int64_t> a_strides,
            std::span<const std::int64_t> b_strides) noexcept;
/// NaN stays NaN. ThreeQuarters: x to that power (of LocalResponseNormalization). Exp: relative error below 7e-7, with
/// denormal results and infinity.
void unary(Unary op, const float* src, float* dst, std::int64_t count) noexcept;
void unary(Unary op, const BFloat16* src, BFloat16* dst, std::int64_t count) noexcept;
/// min(max(x · factor + shift, low), high); NaN stays NaN, which the library's clip loses.
struct CutLine {
  float factor = 1, shift = -0.0f, low = 0, high = 0;
};
void cut_line(const float* src, float* dst, std::int64_t count, const CutLine& line) noexcept;
void cut_line(const BFloat16* src, BFloat16* dst, std::int64_t count, const CutLine& line) noexcept;
/// Between float, int32, int64, uint8, int8 and bool; float → integer truncates. False for other types.
bool convert(DType from, const std::byte* src, DType to, std::byte* dst, std::int64_t count) noexcept;

}  // namespace inc::kernels
