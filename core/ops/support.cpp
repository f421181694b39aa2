#include "core/ops/support.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace inc::ops {

void refuse_dtype(DType dtype) {
  throw UnsupportedError(fmt::format("element type {} is not supported here", name_of(dtype)));
}

std::optional<DType> dtype_from_code(std::int64_t code) noexcept {
  using enum DType;
  static constexpr std::optional<DType> kCodes[] = {{},   Float,   UInt8,  Int8,   UInt16, Int16, Int32, Int64,   {},
                                                    Bool, Float16, Double, UInt32, UInt64, {},    {},    BFloat16};
  return code >= 0 && code < 17 ? kCodes[code] : std::nullopt;
}

int normal_axis(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw ModelError(fmt::format("axis {} found, expected one in [{}, {})", axis, -rank, rank));
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<int> normal_axes(const std::vector<std::int64_t>& axes, int rank) {
  std::vector<int> out;
  for (const auto axis : axes) out.push_back(normal_axis(axis, rank));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    throw ModelError(fmt::format("axes [{}] name one axis twice", fmt::join(axes, ", ")));
  return out;
}

std::string to_string(const ir::Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

ir::Shape broadcast(const ir::Shape& a, const ir::Shape& b) {
  const auto& longer = a.size() >= b.size() ? a : b;
  const auto& shorter = a.size() >= b.size() ? b : a;
  ir::Shape out = longer;
  const std::size_t shift = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    auto& dim = out[i + shift];
    if (dim == shorter[i] || shorter[i] == 1) continue;
    if (dim != 1) throw ModelError(fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)));
    dim = shorter[i];
  }
  return out;
}

Strides strides_of(const ir::Shape& shape) {
  Strides out(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) out[i - 1] = out[i] * shape[i];
  return out;
}

Strides broadcast_strides(const ir::Shape& from, const ir::Shape& to) {
  require(from.size() <= to.size(), "a tensor of higher rank does not broadcast to a lower one");
  Strides out(to.size(), 0);
  const Strides own = strides_of(from);
  const std::size_t shift = to.size() - from.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != 1 && from[i] != to[i + shift])
      throw ModelError(fmt::format("shape {} does not broadcast to {}", to_string(from), to_string(to)));
    out[i + shift] = from[i] == 1 ? 0 : own[i];
  }
  return out;
}

std::int64_t product(const ir::Shape& shape, int begin, int end) noexcept {
  std::int64_t out = 1;
  for (int i = begin; i < end; ++i) out *= shape[static_cast<std::size_t>(i)];
  return out;
}

const ir::Tensor& known_value(const InferContext& c, std::size_t input) {
  require(c.has(input), "a required input is left out");
  const auto* value = c.inputs[input].value;
  if (value == nullptr)
    throw ModelError(fmt::format("the output shape depends on the value of input {}, which is not known", input));
  return *value;
}

std::vector<std::int64_t> known_integers(const InferContext& c, std::size_t input) {
  return known_value(c, input).to_int64s();
}

std::vector<std::int64_t> integers_from(const InferContext& c, std::size_t input, std::string_view attribute,
                                        std::vector<std::int64_t> otherwise) {
  return c.has(input) ? known_integers(c, input) : c.attrs.integers(attribute, std::move(otherwise));
}

std::vector<std::int64_t> integers_from(const EvalContext& c, std::size_t input, std::string_view attribute,
                                        std::vector<std::int64_t> otherwise) {
  return c.has(input) ? c.inputs[input].to_int64s() : c.attrs.integers(attribute, std::move(otherwise));
}

void require(bool condition, std::string_view what) {
  if (!condition) throw ModelError(std::string(what));
}

void require_same_dtype(const InferContext& c, std::size_t first, std::size_t last) {
  for (std::size_t i = first + 1; i < std::min(last, c.inputs.size()); ++i)
    if (c.has(i) && c.inputs[i].dtype != c.inputs[first].dtype)
      throw ModelError(fmt::format("input {} has element type {}, expected {} as input {}", i, name_of(c.inputs[i].dtype),
                                   name_of(c.inputs[first].dtype), first));
}

std::vector<OutputSpec> infer_same(const InferContext& c) {
  return std::vector<OutputSpec>(c.output_count, {c.inputs[0].dtype, c.inputs[0].shape});
}

std::vector<OutputSpec> infer_broadcast(const InferContext& c) {
  require_same_dtype(c, 0, c.inputs.size());
  ir::Shape shape = c.inputs[0].shape;
  for (const auto& input : c.inputs.subspan(1))
    if (input.present) shape = broadcast(shape, input.shape);
  return {{c.inputs[0].dtype, shape}};
}

std::vector<double> to_doubles(const ir::Tensor& tensor) {
  std::vector<double> out(static_cast<std::size_t>(tensor.count()));
  visit_dtype(tensor.dtype(), [&](auto tag) {
    const auto* x = tensor.data<decltype(tag)>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(wide(x[i]));
  });
  return out;
}

void from_doubles(const std::vector<double>& values, ir::Tensor& to) {
  visit_float(to.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* y = to.mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) y[i] = narrow<T>(values[i]);
  });
}

void copy(const ir::Tensor& from, ir::Tensor& to) {
  INC_CHECK(from.bytes() == to.bytes(), "copy keeps the size");
  if (from.bytes() > 0) std::memcpy(to.mutable_raw(), from.raw(), from.bytes());
}

namespace {

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return wide(value) != 0;
  } else if constexpr (kIsHalf<To>) {
    return To(static_cast<float>(wide(value)));
  } else if constexpr (std::is_integral_v<To> && !std::is_integral_v<From>) {
    const double real = static_cast<double>(wide(value));
    if (!(real >= -0x1p63 && real < 0x1p64)) return To{};
    return real < 0 ? static_cast<To>(static_cast<std::int64_t>(real)) : static_cast<To>(static_cast<std::uint64_t>(real));
  } else {
    return static_cast<To>(wide(value));
  }
}

}  // namespace

ir::Tensor cast(const ir::Tensor& tensor, DType to) {
  if (tensor.dtype() == to) return tensor;
  ir::Tensor out(to, tensor.shape());
  visit_dtype(tensor.dtype(), [&](auto from_tag) {
    visit_dtype(to, [&](auto to_tag) {
      using From = decltype(from_tag);
      using To = decltype(to_tag);
      const From* source = tensor.data<From>();
      To* target = out.mutable_data<To>();
      for (std::int64_t i = 0; i < tensor.count(); ++i) target[i] = convert<To>(source[i]);
    });
  });
  return out;
}

}  // namespace inc::ops
