#pragma once
// Element types of tensors. Names are ONNX's ("float", "uint8", "bfloat16", …).
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/bfloat16.h"
#include "core/base/error.h"

namespace inc {

enum class DType : std::uint8_t {
  Float, Double, Float16, BFloat16, Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Bool
};

std::size_t size_of(DType dtype) noexcept;
std::string_view name_of(DType dtype) noexcept;
std::optional<DType> dtype_from_name(std::string_view name) noexcept;
bool is_float(DType dtype) noexcept;
bool is_integer(DType dtype) noexcept;  ///< signed or unsigned integers; Bool is not one

template <class T>
struct DTypeOf;
#define INC_DTYPE_OF(type, tag) \
  template <> \
  struct DTypeOf<type> { static constexpr DType value = DType::tag; };
INC_DTYPE_OF(float, Float)
INC_DTYPE_OF(double, Double)
INC_DTYPE_OF(Float16, Float16)
INC_DTYPE_OF(BFloat16, BFloat16)
INC_DTYPE_OF(std::int8_t, Int8)
INC_DTYPE_OF(std::uint8_t, UInt8)
INC_DTYPE_OF(std::int16_t, Int16)
INC_DTYPE_OF(std::uint16_t, UInt16)
INC_DTYPE_OF(std::int32_t, Int32)
INC_DTYPE_OF(std::uint32_t, UInt32)
INC_DTYPE_OF(std::int64_t, Int64)
INC_DTYPE_OF(std::uint64_t, UInt64)
INC_DTYPE_OF(bool, Bool)
#undef INC_DTYPE_OF

/// Calls fn(T{}) with the C++ element type of `dtype`.
template <class Fn>
decltype(auto) visit_dtype(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::Float: return fn(float{});
    case DType::Double: return fn(double{});
    case DType::Float16: return fn(Float16{});
    case DType::BFloat16: return fn(BFloat16{});
    case DType::Int8: return fn(std::int8_t{});
    case DType::UInt8: return fn(std::uint8_t{});
    case DType::Int16: return fn(std::int16_t{});
    case DType::UInt16: return fn(std::uint16_t{});
    case DType::Int32: return fn(std::int32_t{});
    case DType::UInt32: return fn(std::uint32_t{});
    case DType::Int64: return fn(std::int64_t{});
    case DType::UInt64: return fn(std::uint64_t{});
    case DType::Bool: return fn(bool{});
  }
  throw InternalError("unknown dtype");
}

}  // namespace inc
