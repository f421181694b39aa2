#pragma once
// The parts of the elementwise family and their common row shapes.
#include <limits>
#include <span>

#include "core/ops/ops.h"
#include "core/ops/support.h"

namespace inc::ops {

std::span<const OpInfo> elementwise_math_rows() noexcept;        ///< unary mathematics and tests
std::span<const OpInfo> elementwise_activation_rows() noexcept;  ///< Relu, Gelu, HardSwish, PRelu …
std::span<const OpInfo> elementwise_binary_rows() noexcept;      ///< arithmetic on two tensors, Min, Max, Sum, Mean
std::span<const OpInfo> elementwise_logic_rows() noexcept;       ///< comparison, logic, bits
std::span<const OpInfo> elementwise_choose_rows() noexcept;      ///< Where, Clip, Cast, Identity, Dropout …

/// Every output element is computed from the input elements that broadcast to its place.
template <class A, class B, class R, class F>
void map_pairs(const EvalContext& c, F f) {
  const A* a = c.inputs[0].data<A>();
  const B* b = c.inputs[1].data<B>();
  const ir::Shape& shape = c.outputs[0].shape();
  R* out = c.outputs[0].mutable_data<R>();
  if (c.inputs[0].shape() == c.inputs[1].shape()) {
    for (std::int64_t i = 0, n = c.outputs[0].count(); i < n; ++i) out[i] = f(a[i], b[i]);
    return;
  }
  for_each_position(shape, {broadcast_strides(c.inputs[0].shape(), shape), broadcast_strides(c.inputs[1].shape(), shape)},
                    [&](std::int64_t i, const std::int64_t* at) { out[i] = f(a[at[0]], b[at[1]]); });
}

/// F(attrs) gives the function double → double of a float-only operator.
template <class F>
void eval_real(const EvalContext& c) {
  const F f(c.attrs);
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) y[i] = narrow<T>(f(static_cast<double>(wide(x[i]))));
  });
}

/// F has a templated operator() over the computing type (float, double or any integer).
template <class F>
void eval_number(const EvalContext& c) {
  const F f(c.attrs);
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) y[i] = narrow<T>(f(wide(x[i])));
  });
}

}  // namespace inc::ops
