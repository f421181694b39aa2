#pragma once
// What the engine does with each operator, found out by asking it.
#include <string>
#include <vector>

#include "core/runtime/adaptor.h"

namespace inc::app {

/// How an operator runs in one precision.
///   Native: kernels of that precision (or no work at all: views)
///   Converted: another precision's kernel between conversions, or BF16 rounded in FP32
///   Scalar: the slow definition, one element at a time
///   Unknown: no example was found that the operator accepts, or it has no values of that type
enum class How : std::uint8_t { Native, Converted, Scalar, Unknown };
std::string_view name_of(How how) noexcept;

struct OperatorSupport {
  std::string op;
  How fp32 = How::Unknown, bf16 = How::Unknown, int8 = How::Unknown;
};

/// One row per operator of the table. An example with ordinary shapes is looked for, by what the operator's own definition
/// accepts, and compiled by the adaptor: as it is, with BF16 values, and between DequantizeLinear and QuantizeLinear. Other
/// forms of the operator may run otherwise. Takes about a second.
std::vector<OperatorSupport> operator_support(const runtime::Adaptor& adaptor);

}  // namespace inc::app
