#include <cmath>

#include "core/ops/elementwise.h"

namespace inc::ops {
namespace {

template <class T>
constexpr bool kInteger = std::is_integral_v<T>;

template <class T>
void check_divisor(T b) {
  if (b == T{}) throw DataError("integer division by zero");
}

// Integers wrap around: they are computed unsigned.
struct Add {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    else
      return a + b;
  }
};
struct Sub {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    else
      return a - b;
  }
};
struct Mul {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
};
struct Div {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>) {
      check_divisor(b);
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return Sub{}(T{}, a);
      return static_cast<T>(a / b);
    } else {
      return a / b;
    }
  }
};
/// fmod = 0: the sign of the divisor.
struct FloorMod {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>) {
      check_divisor(b);
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
      const T r = static_cast<T>(a % b);
      return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
    } else {
      const T r = std::fmod(a, b);
      if (r == 0) return std::copysign(r, b);
      return (r < 0) != (b < 0) ? r + b : r;
    }
  }
};
/// fmod = 1: the sign of the dividend.
struct TruncMod {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kInteger<T>) {
      check_divisor(b);
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
      return static_cast<T>(a % b);
    } else {
      return std::fmod(a, b);
    }
  }
};
struct Least {
  template <class T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || b < a ? b : a;
  }
};
struct Greatest {
  template <class T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || a < b ? b : a;
  }
};

template <class F>
void eval_arithmetic(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, T>(c, [](T a, T b) { return narrow<T>(F{}(wide(a), wide(b))); });
  });
}

void eval_mod(const EvalContext& c) {
  c.attrs.integer("fmod", 0) != 0 ? eval_arithmetic<TruncMod>(c) : eval_arithmetic<FloorMod>(c);
}

template <class T>
T integer_power(T base, std::int64_t exponent) {
  if (exponent < 0) return base == T{1} ? T{1} : base == static_cast<T>(-1) ? (exponent % 2 != 0 ? base : T{1}) : T{};
  std::uint64_t result = 1, factor = static_cast<std::uint64_t>(base);
  for (auto e = static_cast<std::uint64_t>(exponent); e > 0; e >>= 1, factor *= factor)
    if ((e & 1) != 0) result *= factor;
  return static_cast<T>(result);
}

std::vector<OutputSpec> infer_pow(const InferContext& c) {
  return {{c.inputs[0].dtype, broadcast(c.inputs[0].shape, c.inputs[1].shape)}};
}

void eval_pow(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto base_tag) {
    visit_number(c.inputs[1].dtype(), [&](auto exponent_tag) {
      using T = decltype(base_tag);
      using E = decltype(exponent_tag);
      map_pairs<T, E, T>(c, [](T base, E exponent) {
        if constexpr (kInteger<T> && kInteger<E>)
          return integer_power<T>(base, static_cast<std::int64_t>(exponent));
        else
          return clamped<T>(std::pow(static_cast<double>(wide(base)), static_cast<double>(wide(exponent))));
      });
    });
  });
}

/// Folds all inputs, broadcast to the output, into an accumulator of type A.
template <class T, class A, class F, class Last>
void fold_inputs(const EvalContext& c, F combine, Last last) {
  auto& out = c.outputs[0];
  std::vector<A> sums(static_cast<std::size_t>(out.count()));
  for (std::size_t k = 0; k < c.inputs.size(); ++k) {
    const T* x = c.inputs[k].data<T>();
    for_each_position(out.shape(), {broadcast_strides(c.inputs[k].shape(), out.shape())},
                      [&](std::int64_t i, const std::int64_t* at) {
                        auto& sum = sums[static_cast<std::size_t>(i)];
                        const auto value = static_cast<A>(wide(x[at[0]]));
                        sum = k == 0 ? value : combine(sum, value);
                      });
  }
  T* y = out.mutable_data<T>();
  for (std::size_t i = 0; i < sums.size(); ++i) y[i] = narrow<T>(last(sums[i]));
}

template <class F>
void eval_extreme(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    fold_inputs<T, Wide<T>>(c, F{}, [](auto x) { return x; });
  });
}

template <bool kMean>
void eval_sum(const EvalContext& c) {
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const double divisor = kMean ? static_cast<double>(c.inputs.size()) : 1;
    fold_inputs<T, double>(c, Add{}, [&](double x) { return x / divisor; });
  });
}

template <class F>
OpInfo pairwise(std::string_view name, bool commutative = false, QuantRole quant = QuantRole::Float) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .commutative = commutative,
          .quant = quant,
          .bf16 = Bf16Policy::Infer,
          .infer = infer_broadcast,
          .eval = eval_arithmetic<F>};
}

OpInfo variadic(std::string_view name, QuantRole quant, Bf16Policy bf16, void (*eval)(const EvalContext&)) {
  return {.name = name,
          .max_inputs = kAnyNumber,
          .commutative = true,
          .quant = quant,
          .bf16 = bf16,
          .infer = infer_broadcast,
          .eval = eval};
}

}  // namespace

std::span<const OpInfo> elementwise_binary_rows() noexcept {
  using enum Bf16Policy;
  using enum QuantRole;
  static const OpInfo rows[] = {
      pairwise<Add>("Add", true, SharedInputs),
      pairwise<Sub>("Sub"),
      pairwise<Mul>("Mul", true),
      pairwise<Div>("Div"),
      {.name = "Mod", .min_inputs = 2, .max_inputs = 2, .infer = infer_broadcast, .eval = eval_mod},
      {.name = "Pow", .min_inputs = 2, .max_inputs = 2, .infer = infer_pow, .eval = eval_pow},
      variadic("Min", Float, Infer, eval_extreme<Least>),
      variadic("Max", Float, Infer, eval_extreme<Greatest>),
      variadic("Sum", Float, Infer, eval_sum<false>),
      variadic("Mean", Float, Infer, eval_sum<true>),
  };
  return rows;
}

}  // namespace inc::ops
