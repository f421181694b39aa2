#include <cmath>
#include <limits>

#include "core/ops/reduce.h"
#include "core/ops/support.h"

namespace inc::ops {
namespace {

template <class Context>
std::vector<int> reduced_axes(const Context& c, int rank) {
  const auto wanted = integers_from(c, 1, "axes");
  if (!wanted.empty()) return normal_axes(wanted, rank);
  std::vector<int> all;
  if (c.attrs.integer("noop_with_empty_axes", 0) == 0)
    for (int i = 0; i < rank; ++i) all.push_back(i);
  return all;
}

ir::Shape kept_shape(const ir::Shape& shape, const std::vector<int>& axes) {
  ir::Shape out = shape;
  for (const int axis : axes) out[static_cast<std::size_t>(axis)] = 1;
  return out;
}

std::vector<OutputSpec> infer_reduce(const InferContext& c) {
  const ir::Shape& shape = c.inputs[0].shape;
  const auto axes = reduced_axes(c, static_cast<int>(shape.size()));
  ir::Shape out = kept_shape(shape, axes);
  if (c.attrs.integer("keepdims", 1) == 0)
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) out.erase(out.begin() + *axis);
  return {{c.inputs[0].dtype, out}};
}

/// One accumulator per output element; step(accumulator, value) in row-major order of the input.
template <class T, class A, class Step>
std::vector<A> accumulate(const EvalContext& c, A start, Step step) {
  const auto& input = c.inputs[0];
  const ir::Shape kept = kept_shape(input.shape(), reduced_axes(c, input.rank()));
  std::vector<A> out(static_cast<std::size_t>(ir::element_count(kept)), start);
  const T* x = input.data<T>();
  for_each_position(input.shape(), {broadcast_strides(kept, input.shape())}, [&](std::int64_t i, const std::int64_t* at) {
    const auto place = static_cast<std::size_t>(at[0]);
    out[place] = step(place, out[place], wide(x[i]));
  });
  return out;
}

template <class T, class A, class Last>
void store(const EvalContext& c, const std::vector<A>& values, Last last) {
  T* y = c.outputs[0].mutable_data<T>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = last(values[i]);
    if constexpr (std::is_same_v<decltype(value), const double>)
      y[i] = clamped<T>(value);
    else
      y[i] = narrow<T>(value);
  }
}

template <class A>
A added(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  else
    return a + b;
}
template <class A>
A multiplied(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  else
    return a * b;
}
template <class A>
A magnitude(A a) {
  if constexpr (std::is_integral_v<A>)
    return a < A{} ? static_cast<A>(std::uint64_t{0} - static_cast<std::uint64_t>(a)) : a;
  else
    return a < A{} ? -a : a;
}

enum class Total { Sum, Mean, Product, Magnitudes, Squares };

template <Total kKind>
void eval_total(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = Sum<T>;
    const auto sums = accumulate<T, A>(c, A{kKind == Total::Product}, [](std::size_t, A sum, auto value) {
      const A x = static_cast<A>(value);
      if constexpr (kKind == Total::Product) return multiplied(sum, x);
      if constexpr (kKind == Total::Magnitudes) return added(sum, magnitude(x));
      if constexpr (kKind == Total::Squares) return added(sum, multiplied(x, x));
      return added(sum, x);
    });
    const std::int64_t per_output = sums.empty() ? 1 : c.inputs[0].count() / static_cast<std::int64_t>(sums.size());
    store<T>(c, sums, [&](A sum) -> A {
      if constexpr (kKind == Total::Mean) {
        if constexpr (std::is_integral_v<A>) return per_output == 0 ? A{} : sum / static_cast<A>(per_output);
        return sum / static_cast<A>(per_output);
      }
      return sum;
    });
  });
}

void eval_l2(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto sums = accumulate<T, double>(c, 0, [](std::size_t, double sum, auto value) {
      return sum + static_cast<double>(value) * static_cast<double>(value);
    });
    store<T>(c, sums, [](double sum) { return std::sqrt(sum); });
  });
}

void eval_log_sum(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto sums =
        accumulate<T, double>(c, 0, [](std::size_t, double sum, auto value) { return sum + static_cast<double>(value); });
    store<T>(c, sums, [](double sum) { return std::log(sum); });
  });
}

void eval_log_sum_exp(const EvalContext& c) {
  constexpr double kLowest = -std::numeric_limits<double>::infinity();
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto top = accumulate<T, double>(c, kLowest, [](std::size_t, double most, auto value) {
      const auto x = static_cast<double>(value);
      return x > most || x != x ? x : most;
    });
    for (auto& value : top)
      if (std::isinf(value)) value = 0;
    auto sums = accumulate<T, double>(c, 0, [&](std::size_t place, double sum, auto value) {
      return sum + std::exp(static_cast<double>(value) - top[place]);
    });
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = std::log(sums[i]) + top[i];
    store<T>(c, sums, [](double x) { return x; });
  });
}

template <bool kMax>
void eval_extreme(const EvalContext& c) {
  visit_dtype(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = Wide<T>;
    using Limits = std::numeric_limits<A>;
    A start = kMax ? Limits::lowest() : Limits::max();
    if constexpr (Limits::has_infinity) start = kMax ? -Limits::infinity() : Limits::infinity();
    const auto values = accumulate<T, A>(c, start, [](std::size_t, A best, A x) {
      if (best != best || x != x) return best != best ? best : x;
      return (kMax ? best < x : x < best) ? x : best;
    });
    store<T>(c, values, [](A x) { return x; });
  });
}

OpInfo reduction(std::string_view name, void (*eval)(const EvalContext&), Bf16Policy bf16 = Bf16Policy::Deny) {
  return {.name = name, .max_inputs = 2, .bf16 = bf16, .value_inputs = 1u << 1, .infer = infer_reduce, .eval = eval};
}

}  // namespace

std::span<const OpInfo> reduce_axes_rows() noexcept {
  static const OpInfo rows[] = {
      reduction("ReduceSum", eval_total<Total::Sum>),
      reduction("ReduceMean", eval_total<Total::Mean>),
      reduction("ReduceProd", eval_total<Total::Product>),
      reduction("ReduceL1", eval_total<Total::Magnitudes>),
      reduction("ReduceL2", eval_l2),
      reduction("ReduceSumSquare", eval_total<Total::Squares>),
      reduction("ReduceLogSum", eval_log_sum),
      reduction("ReduceLogSumExp", eval_log_sum_exp),
      reduction("ReduceMax", eval_extreme<true>, Bf16Policy::Infer),
      reduction("ReduceMin", eval_extreme<false>, Bf16Policy::Infer),
  };
  return rows;
}

}  // namespace inc::ops
