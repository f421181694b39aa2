#include "adaptors/onednn/memory.h"

#include <algorithm>
#include <numeric>

namespace inc::onednn {

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

std::optional<DataType> data_type(DType dtype) noexcept {
  switch (dtype) {
    case DType::Float:
      return DataType::f32;
    case DType::BFloat16:
      return DataType::bf16;
    case DType::Int32:
      return DataType::s32;
    case DType::Int8:
      return DataType::s8;
    case DType::UInt8:
      return DataType::u8;
    default:
      return std::nullopt;
  }
}

std::vector<std::int64_t> row_major_strides(const ir::Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(1, shape[i]);
  return strides;
}

Desc plain_desc(DType dtype, const ir::Shape& shape) {
  const auto type = data_type(dtype);
  if (!type || ir::element_count(shape) == 0 || shape.size() > DNNL_MAX_NDIMS) return {};
  if (shape.empty()) return Desc({1}, *type, dnnl::memory::dims{1});
  return Desc(shape, *type, row_major_strides(shape));
}

Desc any_desc(DataType type, const ir::Shape& shape) {
  return Desc(shape, type, Tag::any);
}

Desc channels_last_desc(DType dtype, const ir::Shape& shape) {
  ir::Shape strides(shape.size());
  std::int64_t step = shape[1];
  strides[1] = 1;
  for (std::size_t i = shape.size(); i-- > 2; step *= shape[i]) strides[i] = step;
  strides[0] = step;
  return Desc(shape, *data_type(dtype), strides);
}

bool is_plain(const Desc& desc) {
  if (desc.is_zero()) return true;
  if (!is_permuted(desc)) return false;
  const auto dims = desc.get_dims();
  const auto strides = desc.get_strides();
  const auto wanted = row_major_strides(dims);
  for (std::size_t i = 0; i < dims.size(); ++i)
    if (dims[i] > 1 && strides[i] != wanted[i]) return false;
  return true;
}

bool is_dense(const Desc& desc) {
  const auto dims = desc.get_dims();
  const auto count = std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
  return desc.get_padded_dims() == dims &&
         desc.get_size() == static_cast<std::size_t>(count) * dnnl::memory::data_type_size(desc.get_data_type());
}

bool is_permuted(const Desc& desc) {
  return is_dense(desc) && desc.get_inner_nblks() == 0;
}

Desc like(const Desc& model, DataType type, const ir::Shape& shape) {
  const auto strides = model.get_strides();
  const auto dims = model.get_dims();
  std::vector<std::size_t> order(dims.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return strides[a] != strides[b] ? strides[a] > strides[b] : dims[a] > dims[b];
  });
  dnnl::memory::dims made(dims.size());
  std::int64_t step = 1;
  for (std::size_t i = order.size(); i-- > 0; step *= shape[order[i]]) made[order[i]] = step;
  return Desc(shape, type, made);
}

}  // namespace inc::onednn
