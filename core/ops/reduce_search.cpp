#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/ops/reduce.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

/// A strict weak order in which NaN is the largest.
template <class T>
bool below(T a, T b) {
  if (a != a) return false;
  return b != b || a < b;
}

std::vector<OutputSpec> infer_arg(const InferContext& c) {
  ir::Shape shape = c.inputs[0].shape;
  const int axis = normal_axis(c.attrs.integer("axis", 0), static_cast<int>(shape.size()));
  require(shape[static_cast<std::size_t>(axis)] > 0, "the axis searched for an extreme is empty");
  if (c.attrs.integer("keepdims", 1) != 0)
    shape[static_cast<std::size_t>(axis)] = 1;
  else
    shape.erase(shape.begin() + axis);
  return {{DType::Int64, shape}};
}

template <bool kMax>
void eval_arg(const EvalContext& c) {
  const AxisView view(c.inputs[0].shape(), normal_axis(c.attrs.integer("axis", 0), c.inputs[0].rank()));
  const bool last = c.attrs.integer("select_last_index", 0) != 0;
  std::int64_t* out = c.outputs[0].mutable_data<std::int64_t>();
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t i = 0; i < view.inner; ++i) {
        std::int64_t best = 0;
        for (std::int64_t k = 1; k < view.length; ++k) {
          const auto champion = wide(x[view.at(o, best, i)]), rival = wide(x[view.at(o, k, i)]);
          const bool better = kMax ? below(champion, rival) : below(rival, champion);
          const bool worse = kMax ? below(rival, champion) : below(champion, rival);
          if (better || (last && !worse)) best = k;
        }
        out[o * view.inner + i] = best;
      }
  });
}

std::vector<OutputSpec> infer_top_k(const InferContext& c) {
  ir::Shape shape = c.inputs[0].shape;
  const auto axis = static_cast<std::size_t>(normal_axis(c.attrs.integer("axis", -1), static_cast<int>(shape.size())));
  const auto k = known_integers(c, 1);
  if (k.size() != 1 || k[0] < 0 || k[0] > shape[axis])
    throw ModelError(fmt::format("TopK wants {} elements of {}", k.empty() ? -1 : k[0], shape[axis]));
  shape[axis] = k[0];
  return {{c.inputs[0].dtype, shape}, {DType::Int64, shape}};
}

void eval_top_k(const EvalContext& c) {
  const int axis = normal_axis(c.attrs.integer("axis", -1), c.inputs[0].rank());
  const AxisView view(c.inputs[0].shape(), axis), chosen(c.outputs[0].shape(), axis);
  const bool largest = c.attrs.integer("largest", 1) != 0;
  std::int64_t* indices = c.outputs[1].mutable_data<std::int64_t>();
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    T* values = c.outputs[0].mutable_data<T>();
    std::vector<std::int64_t> order(static_cast<std::size_t>(view.length));
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t i = 0; i < view.inner; ++i) {
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
          const auto va = wide(x[view.at(o, a, i)]), vb = wide(x[view.at(o, b, i)]);
          return largest ? below(vb, va) : below(va, vb);
        });
        for (std::int64_t k = 0; k < chosen.length; ++k) {
          const std::int64_t from = order[static_cast<std::size_t>(k)];
          values[chosen.at(o, k, i)] = x[view.at(o, from, i)];
          indices[chosen.at(o, k, i)] = from;
        }
      }
  });
}

template <bool kProduct>
void eval_cumulate(const EvalContext& c) {
  const auto axes = c.inputs[1].to_int64s();
  require(axes.size() == 1, "the axis of a cumulation is not a scalar");
  const AxisView view(c.inputs[0].shape(), normal_axis(axes[0], c.inputs[0].rank()));
  const bool exclusive = c.attrs.integer("exclusive", 0) != 0, reverse = c.attrs.integer("reverse", 0) != 0;
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
    const T* x = c.inputs[0].data<T>();
    T* y = c.outputs[0].mutable_data<T>();
    for (std::int64_t o = 0; o < view.outer; ++o)
      for (std::int64_t i = 0; i < view.inner; ++i) {
        A sum{kProduct};
        for (std::int64_t step = 0; step < view.length; ++step) {
          const std::int64_t place = view.at(o, reverse ? view.length - 1 - step : step, i);
          const A before = sum;
          const A value = static_cast<A>(wide(x[place]));
          sum = kProduct ? sum * value : sum + value;
          y[place] = narrow<T>(exclusive ? before : sum);
        }
      }
  });
}

OpInfo cumulation(std::string_view name, void (*eval)(const EvalContext&)) {
  return {.name = name, .min_inputs = 2, .max_inputs = 2, .infer = infer_same, .eval = eval};
}

}  // namespace

std::span<const OpInfo> reduce_search_rows() noexcept {
  static const OpInfo rows[] = {
      {.name = "ArgMax", .infer = infer_arg, .eval = eval_arg<true>},
      {.name = "ArgMin", .infer = infer_arg, .eval = eval_arg<false>},
      {.name = "TopK", .min_inputs = 2, .max_inputs = 2, .value_inputs = 1u << 1, .infer = infer_top_k, .eval = eval_top_k},
      cumulation("CumSum", eval_cumulate<false>),
      cumulation("CumProd", eval_cumulate<true>),
  };
  return rows;
}

}  // namespace inc::ops
