#include "adaptors/onednn/walk.h"

#include <algorithm>
#include <numeric>

namespace inc::onednn {

std::vector<std::size_t> memory_order(const Desc& desc, std::size_t rank) {
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), 0u);
  if (desc.is_zero() || desc.get_ndims() != static_cast<int>(rank)) return order;
  const auto strides = desc.get_strides();
  const auto dims = desc.get_dims();
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return strides[a] != strides[b] ? strides[a] > strides[b] : dims[a] > dims[b];
  });
  return order;
}

ir::Shape strides_along(const Slot& operand, const ir::Shape& shape) {
  const bool described = !operand.desc.is_zero() && operand.desc.get_ndims() == static_cast<int>(operand.shape.size());
  const ir::Shape own = described ? ir::Shape(operand.desc.get_strides()) : row_major_strides(operand.shape);
  ir::Shape strides(shape.size(), 0);
  const std::size_t lead = shape.size() - operand.shape.size();
  for (std::size_t i = 0; i < operand.shape.size(); ++i)
    strides[lead + i] = operand.shape[i] == 1 && shape[lead + i] != 1 ? 0 : own[i];
  return strides;
}

ir::Shape reordered(const ir::Shape& values, const std::vector<std::size_t>& order) {
  ir::Shape result;
  for (const std::size_t i : order) result.push_back(values[i]);
  return result;
}

std::int64_t normal_axis(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

}  // namespace inc::onednn
