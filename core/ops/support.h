#pragma once
// What the operator families share: axes, broadcasting, index walks, typed visiting, the usual shape rules.
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/ops/ops.h"

namespace inc::ops {

/// max_inputs of an operator that takes a list; none of it can be left out.
constexpr int kAnyNumber = std::numeric_limits<int>::max();

using Strides = std::vector<std::int64_t>;  ///< in elements, one per dimension

template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;
/// The type in which elements of T are computed: float for the 16-bit types, T otherwise.
template <class T>
using Wide = std::conditional_t<kIsHalf<T>, float, T>;
/// The type in which sums over T are accumulated: double for floats, 64 bit for integers.
template <class T>
using Sum = std::conditional_t<kIsHalf<T> || std::is_floating_point_v<T>, double,
                               std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;
template <class T>
Wide<T> wide(T value) noexcept {
  return static_cast<Wide<T>>(value);
}
/// Rounds once: a double on its way to a 16-bit type passes through float. Integers wrap around.
template <class T, class From>
T narrow(From value) noexcept {
  if constexpr (kIsHalf<T>)
    return T(static_cast<float>(value));
  else
    return static_cast<T>(value);
}

/// Integers are truncated and clamped to their limits (NaN becomes 0), floats rounded once.
template <class T>
T clamped(double value) noexcept {
  if constexpr (std::is_integral_v<T>) {
    if (value != value) return T{};
    if (value <= static_cast<double>(std::numeric_limits<T>::lowest())) return std::numeric_limits<T>::lowest();
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(value);
  } else {
    return narrow<T>(value);
  }
}

/// visit_dtype over the listed kinds only; throws UnsupportedError naming the dtype for the rest.
template <class Fn>
decltype(auto) visit_float(DType dtype, Fn&& fn);  ///< float, double, float16, bfloat16
template <class Fn>
decltype(auto) visit_number(DType dtype, Fn&& fn);  ///< everything but bool
template <class Fn>
decltype(auto) visit_integer(DType dtype, Fn&& fn);  ///< signed and unsigned integers
template <class Fn>
decltype(auto) visit_index(DType dtype, Fn&& fn);  ///< int32 and int64
[[noreturn]] void refuse_dtype(DType dtype);

/// Attributes that name an element type ("to", "dtype") hold ONNX's TensorProto.DataType number; none: not supported.
std::optional<DType> dtype_from_code(std::int64_t code) noexcept;

/// A negative axis counts from the end. Throws ModelError when it is outside [-rank, rank).
int normal_axis(std::int64_t axis, int rank);
/// Sorted, without repetition (a repeated axis is a ModelError).
std::vector<int> normal_axes(const std::vector<std::int64_t>& axes, int rank);

/// ONNX's multidirectional broadcasting. Throws ModelError naming both shapes.
ir::Shape broadcast(const ir::Shape& a, const ir::Shape& b);
Strides strides_of(const ir::Shape& shape);
/// Strides of `from` walked along the shape `to` it broadcasts to: 0 where it repeats.
Strides broadcast_strides(const ir::Shape& from, const ir::Shape& to);
/// Product of dims[begin, end).
std::int64_t product(const ir::Shape& shape, int begin, int end) noexcept;
std::string to_string(const ir::Shape& shape);

/// Calls fn(index, offsets) for every position of `shape` in row-major order; offsets[k] follows strides[k].
template <class Fn>
void for_each_position(const ir::Shape& shape, const std::vector<Strides>& strides, Fn&& fn) {
  const std::int64_t count = ir::element_count(shape);
  const int rank = static_cast<int>(shape.size());
  std::vector<std::int64_t> at(shape.size(), 0), offsets(strides.size(), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    fn(i, static_cast<const std::int64_t*>(offsets.data()));
    for (int d = rank - 1; d >= 0; --d) {
      const auto u = static_cast<std::size_t>(d);
      const bool carry = ++at[u] == shape[u];
      for (std::size_t k = 0; k < strides.size(); ++k) offsets[k] += carry ? strides[k][u] * (1 - shape[u]) : strides[k][u];
      if (!carry) break;
      at[u] = 0;
    }
  }
}

/// The shape [outer, axis, inner] around one axis.
struct AxisView {
  std::int64_t outer = 1, length = 1, inner = 1;
  AxisView(const ir::Shape& shape, int axis)
      : outer(product(shape, 0, axis)),
        length(shape[static_cast<std::size_t>(axis)]),
        inner(product(shape, axis + 1, static_cast<int>(shape.size()))) {}
  std::int64_t at(std::int64_t o, std::int64_t k, std::int64_t i) const noexcept { return (o * length + k) * inner + i; }
};

/// The known value of a required input. Throws ModelError "… depends on the value of input 1, which is not known".
const ir::Tensor& known_value(const InferContext& c, std::size_t input);
/// The same as integers.
std::vector<std::int64_t> known_integers(const InferContext& c, std::size_t input);
/// The same for the input when it is present, else the attribute (older opsets), else `otherwise`.
std::vector<std::int64_t> integers_from(const InferContext& c, std::size_t input, std::string_view attribute,
                                        std::vector<std::int64_t> otherwise = {});
std::vector<std::int64_t> integers_from(const EvalContext& c, std::size_t input, std::string_view attribute,
                                        std::vector<std::int64_t> otherwise = {});

/// Throws ModelError when the condition is false.
void require(bool condition, std::string_view what);
/// Throws ModelError unless all present inputs of [first, last) have the dtype of input `first`.
void require_same_dtype(const InferContext& c, std::size_t first, std::size_t last);

std::vector<OutputSpec> infer_same(const InferContext& c);       ///< every output: dtype and shape of input 0
std::vector<OutputSpec> infer_broadcast(const InferContext& c);  ///< dtype of input 0, all shapes broadcast

std::vector<double> to_doubles(const ir::Tensor& tensor);
void from_doubles(const std::vector<double>& values, ir::Tensor& to);  ///< a floating tensor of the same count

void copy(const ir::Tensor& from, ir::Tensor& to);  ///< same byte count
/// A fresh tensor of another dtype, values converted as Cast does (saturating only where Cast does).
ir::Tensor cast(const ir::Tensor& tensor, DType to);

template <class Fn>
decltype(auto) visit_float(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::Float:
      return fn(float{});
    case DType::Double:
      return fn(double{});
    case DType::Float16:
      return fn(Float16{});
    case DType::BFloat16:
      return fn(BFloat16{});
    default:
      refuse_dtype(dtype);
  }
}
template <class Fn>
decltype(auto) visit_integer(DType dtype, Fn&& fn) {
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
    case DType::UInt32:
      return fn(std::uint32_t{});
    case DType::Int64:
      return fn(std::int64_t{});
    case DType::UInt64:
      return fn(std::uint64_t{});
    default:
      refuse_dtype(dtype);
  }
}
template <class Fn>
decltype(auto) visit_number(DType dtype, Fn&& fn) {
  return is_float(dtype) ? visit_float(dtype, fn) : visit_integer(dtype, fn);
}
template <class Fn>
decltype(auto) visit_index(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::Int32:
      return fn(std::int32_t{});
    case DType::Int64:
      return fn(std::int64_t{});
    default:
      refuse_dtype(dtype);
  }
}

}  // namespace inc::ops
