#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "core/ops/elementwise.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_where(const InferContext& c) {
  require(c.inputs[0].dtype == DType::Bool, "the condition of Where is not bool");
  require_same_dtype(c, 1, 3);
  return {{c.inputs[1].dtype, broadcast(c.inputs[0].shape, broadcast(c.inputs[1].shape, c.inputs[2].shape))}};
}

void eval_where(const EvalContext& c) {
  auto& out = c.outputs[0];
  const auto size = static_cast<std::int64_t>(size_of(out.dtype()));
  const bool* condition = c.inputs[0].data<bool>();
  std::vector<Strides> strides;
  for (const auto& input : c.inputs) strides.push_back(broadcast_strides(input.shape(), out.shape()));
  std::byte* y = out.mutable_raw();
  for_each_position(out.shape(), strides, [&](std::int64_t i, const std::int64_t* at) {
    const std::byte* from = condition[at[0]] ? c.inputs[1].raw() + at[1] * size : c.inputs[2].raw() + at[2] * size;
    std::memcpy(y + i * size, from, static_cast<std::size_t>(size));
  });
}

std::vector<OutputSpec> infer_clip(const InferContext& c) {
  require_same_dtype(c, 0, 3);
  for (std::size_t i = 1; i < 3; ++i)
    require(!c.has(i) || ir::element_count(c.inputs[i].shape) == 1, "a bound of Clip is not a scalar");
  return infer_same(c);
}

void eval_clip(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    using Limits = std::numeric_limits<Wide<T>>;
    const auto low = c.has(1) ? wide(*c.inputs[1].data<T>()) : Limits::lowest();
    const auto high = c.has(2) ? wide(*c.inputs[2].data<T>()) : Limits::max();
    for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) {
      auto value = wide(x[i]);
      if (value < low) value = low;
      if (high < value) value = high;
      y[i] = narrow<T>(value);
    }
  });
}

DType target_type(const ir::Attrs& attrs) {
  const auto code = attrs.integer("to", 0);
  if (const auto dtype = dtype_from_code(code)) return *dtype;
  throw UnsupportedError(fmt::format("element type code {} is not supported", code));
}

Support supports_target(const ir::Node& node, std::int64_t) {
  const auto code = node.attrs.integer("to", 0);
  if (dtype_from_code(code)) return Support::yes();
  return Support::no(fmt::format("element type code {} is not supported", code));
}

std::vector<OutputSpec> infer_cast(const InferContext& c) {
  return {{target_type(c.attrs), c.inputs[0].shape}};
}
std::vector<OutputSpec> infer_cast_like(const InferContext& c) {
  return {{c.inputs[1].dtype, c.inputs[0].shape}};
}
void eval_cast(const EvalContext& c) {
  copy(cast(c.inputs[0], c.outputs[0].dtype()), c.outputs[0]);
}

std::vector<OutputSpec> infer_bit_cast(const InferContext& c) {
  const auto to = target_type(c.attrs);
  require(size_of(to) == size_of(c.inputs[0].dtype), "BitCast between element types of different width");
  return {{to, c.inputs[0].shape}};
}

void eval_copy(const EvalContext& c) {
  copy(c.inputs[0], c.outputs[0]);
}

std::vector<OutputSpec> infer_dropout(const InferContext& c) {
  if (c.has(2) && c.inputs[2].value != nullptr && ir::element_count(c.inputs[2].shape) > 0 &&
      c.inputs[2].value->to_int64s()[0] != 0)
    throw UnsupportedError("Dropout in training mode is not supported");
  std::vector<OutputSpec> outputs{{c.inputs[0].dtype, c.inputs[0].shape}};
  if (c.output_count > 1) outputs.push_back({DType::Bool, c.inputs[0].shape});
  return outputs;
}

void eval_dropout(const EvalContext& c) {
  if (c.has(2) && c.inputs[2].count() > 0 && c.inputs[2].to_int64s()[0] != 0)
    throw UnsupportedError("Dropout in training mode is not supported");
  copy(c.inputs[0], c.outputs[0]);
  if (c.outputs.size() > 1) std::memset(c.outputs[1].mutable_raw(), 1, c.outputs[1].bytes());
}

}  // namespace

std::span<const OpInfo> elementwise_choose_rows() noexcept {
  using enum Bf16Policy;
  static const OpInfo rows[] = {
      {.name = "Where", .min_inputs = 3, .max_inputs = 3, .bf16 = Infer, .infer = infer_where, .eval = eval_where},
      {.name = "Clip",
       .max_inputs = 3,
       .quant = QuantRole::PassThrough,
       .bf16 = Infer,
       .infer = infer_clip,
       .eval = eval_clip},
      {.name = "Cast", .infer = infer_cast, .eval = eval_cast, .supports = supports_target},
      {.name = "CastLike", .min_inputs = 2, .max_inputs = 2, .infer = infer_cast_like, .eval = eval_cast},
      {.name = "BitCast", .infer = infer_bit_cast, .eval = eval_copy, .supports = supports_target},
      {.name = "Identity", .quant = QuantRole::PassThrough, .bf16 = Infer, .infer = infer_same, .eval = eval_copy},
      {.name = "Dropout",
       .max_inputs = 3,
       .quant = QuantRole::PassThrough,
       .bf16 = Infer,
       .infer = infer_dropout,
       .eval = eval_dropout},
  };
  return rows;
}

}  // namespace inc::ops
