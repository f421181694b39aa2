#include <fmt/format.h>

#include <functional>

#include "core/ops/elementwise.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_comparison(const InferContext& c) {
  return {{DType::Bool, infer_broadcast(c)[0].shape}};
}

template <class F>
void eval_comparison(const EvalContext& c) {
  visit_dtype(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, bool>(c, [](T a, T b) { return F{}(wide(a), wide(b)); });
  });
}

template <class F>
void eval_logic(const EvalContext& c) {
  if (c.inputs[0].dtype() != DType::Bool) refuse_dtype(c.inputs[0].dtype());
  map_pairs<bool, bool, bool>(c, F{});
}

template <class F>
void eval_bits(const EvalContext& c) {
  visit_integer(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, T>(c, [](T a, T b) { return static_cast<T>(F{}(a, b)); });
  });
}

void eval_not(const EvalContext& c) {
  if (c.inputs[0].dtype() != DType::Bool) refuse_dtype(c.inputs[0].dtype());
  bool* y = c.outputs[0].mutable_data<bool>();
  for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) y[i] = !c.inputs[0].data<bool>()[i];
}

void eval_bitwise_not(const EvalContext& c) {
  visit_integer(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) y[i] = static_cast<T>(~x[i]);
  });
}

template <class T>
T shifted(T x, T amount, bool left) {
  constexpr auto kBits = static_cast<T>(sizeof(T) * 8);
  if (amount < T{} || amount >= kBits) return !left && x < T{} ? static_cast<T>(-1) : T{};
  return left ? static_cast<T>(static_cast<std::uint64_t>(x) << amount) : static_cast<T>(x >> amount);
}

void eval_shift(const EvalContext& c) {
  const bool left = c.attrs.text("direction") == "LEFT";
  visit_integer(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, T>(c, [left](T x, T amount) { return shifted(x, amount, left); });
  });
}

Support supports_shift(const ir::Node& node, std::int64_t) {
  const auto direction = node.attrs.text("direction");
  if (direction == "LEFT" || direction == "RIGHT") return Support::yes();
  return Support::no(fmt::format("BitShift direction '{}' found, expected LEFT or RIGHT", direction));
}

template <class F>
OpInfo comparison(std::string_view name, bool commutative = false) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .commutative = commutative,
          .infer = infer_comparison,
          .eval = eval_comparison<F>};
}
template <class F>
OpInfo logic(std::string_view name) {
  return {
      .name = name, .min_inputs = 2, .max_inputs = 2, .commutative = true, .infer = infer_broadcast, .eval = eval_logic<F>};
}
template <class F>
OpInfo bits(std::string_view name) {
  return {
      .name = name, .min_inputs = 2, .max_inputs = 2, .commutative = true, .infer = infer_broadcast, .eval = eval_bits<F>};
}

}  // namespace

std::span<const OpInfo> elementwise_logic_rows() noexcept {
  static const OpInfo rows[] = {
      comparison<std::equal_to<>>("Equal", true),
      comparison<std::greater<>>("Greater"),
      comparison<std::greater_equal<>>("GreaterOrEqual"),
      comparison<std::less<>>("Less"),
      comparison<std::less_equal<>>("LessOrEqual"),
      logic<std::logical_and<>>("And"),
      logic<std::logical_or<>>("Or"),
      logic<std::not_equal_to<>>("Xor"),
      bits<std::bit_and<>>("BitwiseAnd"),
      bits<std::bit_or<>>("BitwiseOr"),
      bits<std::bit_xor<>>("BitwiseXor"),
      {.name = "BitShift",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_broadcast,
       .eval = eval_shift,
       .supports = supports_shift},
      {.name = "Not", .infer = infer_same, .eval = eval_not},
      {.name = "BitwiseNot", .infer = infer_same, .eval = eval_bitwise_not},
  };
  return rows;
}

}  // namespace inc::ops
