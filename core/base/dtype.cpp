#include "core/base/dtype.h"

#include <array>

namespace inc {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Row, 13> kRows{{{DType::Float, "float", 4},
                                     {DType::Double, "double", 8},
                                     {DType::Float16, "float16", 2},
                                     {DType::BFloat16, "bfloat16", 2},
                                     {DType::Int8, "int8", 1},
                                     {DType::UInt8, "uint8", 1},
                                     {DType::Int16, "int16", 2},
                                     {DType::UInt16, "uint16", 2},
                                     {DType::Int32, "int32", 4},
                                     {DType::UInt32, "uint32", 4},
                                     {DType::Int64, "int64", 8},
                                     {DType::UInt64, "uint64", 8},
                                     {DType::Bool, "bool", 1}}};

const Row& row(DType dtype) noexcept { return kRows[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::size_t size_of(DType dtype) noexcept { return row(dtype).size; }
std::string_view name_of(DType dtype) noexcept { return row(dtype).name; }

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (const Row& r : kRows)
    if (r.name == name) return r.dtype;
  return std::nullopt;
}

bool is_float(DType dtype) noexcept { return dtype <= DType::BFloat16; }
bool is_integer(DType dtype) noexcept { return dtype >= DType::Int8 && dtype <= DType::UInt64; }

}  // namespace inc
