#pragma once
// Static types of values: element type and a shape whose dimensions may be numbers, names or unknown.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/dtype.h"

namespace inc::ir {

using Shape = std::vector<std::int64_t>;  ///< concrete, outermost first

/// The number of elements; 1 for a scalar.
std::int64_t element_count(const Shape& shape) noexcept;

/// One dimension: a number (symbol empty), a name (value -1), or unknown (value -1, symbol empty).
struct Dim {
  std::int64_t value = -1;
  std::string symbol;
  bool known() const noexcept { return value >= 0; }
  bool operator==(const Dim&) const = default;
};

struct TensorType {
  DType dtype = DType::Float;
  std::optional<std::vector<Dim>> dims;  ///< absent: rank unknown

  static TensorType of(DType dtype, const Shape& shape);
  /// -1 when unknown.
  int rank() const noexcept { return dims ? static_cast<int>(dims->size()) : -1; }
  /// The shape when every dimension is a number.
  std::optional<Shape> concrete() const;
  /// "float[N,3,224,224]", "float[?]" for unknown rank.
  std::string to_string() const;
  bool operator==(const TensorType&) const = default;
};

/// Whether a value of one type may stand where the other is expected: same dtype, and no two known dimensions disagree.
bool compatible(const TensorType& a, const TensorType& b) noexcept;

}  // namespace inc::ir
