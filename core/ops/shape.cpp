#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/ops/families.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

std::pair<std::int64_t, std::int64_t> shape_slice(const ir::Attrs& attrs, int rank) {
  const auto clamp = [rank](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const auto begin = clamp(attrs.integer("start", 0));
  return {begin, std::max(begin, clamp(attrs.integer("end", rank)))};
}

std::vector<OutputSpec> infer_shape(const InferContext& c) {
  const auto [begin, end] = shape_slice(c.attrs, static_cast<int>(c.inputs[0].shape.size()));
  return {{DType::Int64, {end - begin}}};
}

void eval_shape(const EvalContext& c) {
  const auto begin = shape_slice(c.attrs, c.inputs[0].rank()).first;
  for (std::int64_t i = 0; i < c.outputs[0].count(); ++i)
    c.outputs[0].mutable_data<std::int64_t>()[i] = c.inputs[0].shape()[static_cast<std::size_t>(begin + i)];
}

std::vector<OutputSpec> infer_size(const InferContext&) {
  return {{DType::Int64, {}}};
}
void eval_size(const EvalContext& c) {
  *c.outputs[0].mutable_data<std::int64_t>() = c.inputs[0].count();
}

template <class T>
std::int64_t range_length(const ir::Tensor& start, const ir::Tensor& limit, const ir::Tensor& delta) {
  const auto first = wide(*start.data<T>()), last = wide(*limit.data<T>()), step = wide(*delta.data<T>());
  require(step != 0, "the delta of Range is 0");
  const double length = std::ceil((static_cast<double>(last) - static_cast<double>(first)) / static_cast<double>(step));
  require(length < 0x1p40, "Range has too many or undefined elements");
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(length));
}

std::vector<OutputSpec> infer_range(const InferContext& c) {
  require_same_dtype(c, 0, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    require(known_value(c, i).count() == 1, "an input of Range is not a scalar");
  }
  return visit_number(c.inputs[0].dtype, [&](auto tag) -> std::vector<OutputSpec> {
    return {{c.inputs[0].dtype, {range_length<decltype(tag)>(*c.inputs[0].value, *c.inputs[1].value, *c.inputs[2].value)}}};
  });
}

void eval_range(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
    const A start = static_cast<A>(wide(*c.inputs[0].data<T>())), delta = static_cast<A>(wide(*c.inputs[2].data<T>()));
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t i = 0; i < c.outputs[0].count(); ++i) y[i] = narrow<T>(start + static_cast<A>(i) * delta);
  });
}

std::vector<OutputSpec> infer_constant_of_shape(const InferContext& c) {
  const auto value = c.attrs.tensor("value");
  return {{value.defined() ? value.dtype() : DType::Float, known_integers(c, 0)}};
}

void eval_constant_of_shape(const EvalContext& c) {
  const auto value = c.attrs.tensor("value");
  auto& out = c.outputs[0];
  std::byte* y = out.mutable_raw();
  if (!value.defined()) {
    if (out.bytes() > 0) std::memset(y, 0, out.bytes());
    return;
  }
  require(value.count() == 1, "the value of ConstantOfShape is not one element");
  const std::size_t size = size_of(value.dtype());
  for (std::int64_t i = 0; i < out.count(); ++i) std::memcpy(y + static_cast<std::size_t>(i) * size, value.raw(), size);
}

ir::Tensor constant_value(const ir::Attrs& attrs) {
  if (attrs.has("value")) return attrs.tensor("value");
  if (attrs.has("value_float")) return ir::Tensor::scalar(attrs.real("value_float"));
  if (attrs.has("value_int")) return ir::Tensor::scalar(attrs.integer("value_int"));
  const auto reals = attrs.reals("value_floats");
  if (attrs.has("value_floats")) return ir::Tensor::of<float>({static_cast<std::int64_t>(reals.size())}, reals);
  const auto integers = attrs.integers("value_ints");
  if (attrs.has("value_ints")) return ir::Tensor::of<std::int64_t>({static_cast<std::int64_t>(integers.size())}, integers);
  throw UnsupportedError("a Constant with neither value, value_float(s) nor value_int(s) is not supported");
}

std::vector<OutputSpec> infer_constant(const InferContext& c) {
  const auto value = constant_value(c.attrs);
  return {{value.dtype(), value.shape()}};
}
void eval_constant(const EvalContext& c) {
  copy(constant_value(c.attrs), c.outputs[0]);
}

Support supports_constant(const ir::Node& node, std::int64_t) {
  for (const auto* kind : {"value", "value_float", "value_int", "value_floats", "value_ints"})
    if (node.attrs.has(kind)) return Support::yes();
  return Support::no("a Constant with neither value, value_float(s) nor value_int(s) is not supported");
}

std::vector<std::int64_t> nonzero_positions(const ir::Tensor& x) {
  std::vector<std::int64_t> out;
  visit_dtype(x.dtype(), [&](auto tag) {
    const auto* data = x.data<decltype(tag)>();
    for (std::int64_t i = 0; i < x.count(); ++i)
      if (wide(data[i]) != Wide<decltype(tag)>{}) out.push_back(i);
  });
  return out;
}

std::vector<OutputSpec> infer_nonzero(const InferContext& c) {
  const auto rank = static_cast<std::int64_t>(c.inputs[0].shape.size());
  return {{DType::Int64, {rank, static_cast<std::int64_t>(nonzero_positions(known_value(c, 0)).size())}}};
}

void eval_nonzero(const EvalContext& c) {
  const auto positions = nonzero_positions(c.inputs[0]);
  const auto strides = strides_of(c.inputs[0].shape());
  std::int64_t* y = c.outputs[0].mutable_data<std::int64_t>();
  for (std::size_t d = 0; d < strides.size(); ++d)
    for (const auto position : positions) *y++ = position / strides[d] % c.inputs[0].shape()[d];
}

DType eye_type(const ir::Attrs& attrs, DType otherwise) {
  if (!attrs.has("dtype")) return otherwise;
  const auto dtype = dtype_from_code(attrs.integer("dtype"));
  return dtype ? *dtype
               : throw UnsupportedError(fmt::format("element type code {} is not supported", attrs.integer("dtype")));
}

std::vector<OutputSpec> infer_eye(const InferContext& c) {
  require(c.inputs[0].shape.size() == 2, "the input of EyeLike is not a matrix");
  return {{eye_type(c.attrs, c.inputs[0].dtype), c.inputs[0].shape}};
}

void eval_eye(const EvalContext& c) {
  auto& out = c.outputs[0];
  const auto k = c.attrs.integer("k", 0);
  const std::int64_t rows = out.shape()[0], columns = out.shape()[1];
  visit_dtype(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t col = 0; col < columns; ++col)
        out.mutable_data<T>()[r * columns + col] = narrow<T>(col - r == k ? 1 : 0);
  });
}

}  // namespace

std::span<const OpInfo> shape_rows() noexcept {
  static const OpInfo rows[] = {
      {.name = "Shape", .infer = infer_shape, .eval = eval_shape},
      {.name = "Size", .infer = infer_size, .eval = eval_size},
      {.name = "Range", .min_inputs = 3, .max_inputs = 3, .value_inputs = 7, .infer = infer_range, .eval = eval_range},
      {.name = "ConstantOfShape", .value_inputs = 1, .infer = infer_constant_of_shape, .eval = eval_constant_of_shape},
      {.name = "Constant",
       .min_inputs = 0,
       .max_inputs = 0,
       .infer = infer_constant,
       .eval = eval_constant,
       .supports = supports_constant},
      {.name = "NonZero", .value_inputs = 1, .infer = infer_nonzero, .eval = eval_nonzero},
      {.name = "EyeLike", .infer = infer_eye, .eval = eval_eye},
  };
  return rows;
}

}  // namespace inc::ops
