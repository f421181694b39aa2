#include "core/ir/type.h"

namespace inc::ir {

std::int64_t element_count(const Shape& shape) noexcept {
  std::int64_t count = 1;
  for (const auto dim : shape) count *= dim;
  return count;
}

TensorType TensorType::of(DType dtype, const Shape& shape) {
  TensorType type{dtype, std::vector<Dim>{}};
  for (const auto dim : shape) type.dims->push_back({dim, {}});
  return type;
}

std::optional<Shape> TensorType::concrete() const {
  if (!dims) return std::nullopt;
  Shape shape;
  for (const Dim& dim : *dims) {
    if (!dim.known()) return std::nullopt;
    shape.push_back(dim.value);
  }
  return shape;
}

std::string TensorType::to_string() const {
  std::string text(name_of(dtype));
  if (!dims) return text + "[?]";
  text += "[";
  for (std::size_t i = 0; i < dims->size(); ++i) {
    const Dim& dim = (*dims)[i];
    if (i > 0) text += ",";
    text += dim.known() ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol;
  }
  return text + "]";
}

bool compatible(const TensorType& a, const TensorType& b) noexcept {
  if (a.dtype != b.dtype) return false;
  if (!a.dims || !b.dims) return true;
  if (a.dims->size() != b.dims->size()) return false;
  for (std::size_t i = 0; i < a.dims->size(); ++i) {
    const Dim &x = (*a.dims)[i], &y = (*b.dims)[i];
    if (x.known() && y.known() && x.value != y.value) return false;
  }
  return true;
}

}  // namespace inc::ir
