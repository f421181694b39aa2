#include <cmath>

#include "core/ops/elementwise.h"

namespace inc::ops {
namespace {

template <double (*F)(double)>
struct Plain {
  explicit Plain(const ir::Attrs&) {}
  double operator()(double x) const { return F(x); }
};

double reciprocal(double x) {
  return 1 / x;
}

struct Abs {
  explicit Abs(const ir::Attrs&) {}
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::fabs(x);
    else
      return x < T{} ? static_cast<T>(0 - static_cast<std::uint64_t>(x)) : x;
  }
};
struct Neg {
  explicit Neg(const ir::Attrs&) {}
  template <class T>
  T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return -x;
    else
      return static_cast<T>(0 - static_cast<std::uint64_t>(x));
  }
};
struct Sign {
  explicit Sign(const ir::Attrs&) {}
  template <class T>
  T operator()(T x) const {
    return x > T{} ? T{1} : x < T{} ? static_cast<T>(-1) : x;
  }
};

template <class F>
void eval_test(const EvalContext& c) {
  const F f(c.attrs);
  bool* y = c.outputs[0].mutable_data<bool>();
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* x = c.inputs[0].data<T>();
    for (std::int64_t i = 0, n = c.inputs[0].count(); i < n; ++i) y[i] = f(static_cast<double>(wide(x[i])));
  });
}
struct IsNan {
  explicit IsNan(const ir::Attrs&) {}
  bool operator()(double x) const { return std::isnan(x); }
};
struct IsInf {
  explicit IsInf(const ir::Attrs& a)
      : negative(a.integer("detect_negative", 1) != 0), positive(a.integer("detect_positive", 1) != 0) {}
  bool operator()(double x) const { return std::isinf(x) && (x < 0 ? negative : positive); }
  bool negative, positive;
};

std::vector<OutputSpec> infer_test(const InferContext& c) {
  return {{DType::Bool, c.inputs[0].shape}};
}

template <double (*F)(double)>
OpInfo real(std::string_view name, Bf16Policy bf16 = Bf16Policy::Infer) {
  return {.name = name, .bf16 = bf16, .infer = infer_same, .eval = eval_real<Plain<F>>};
}
template <class F>
OpInfo number(std::string_view name) {
  return {.name = name, .bf16 = Bf16Policy::Infer, .infer = infer_same, .eval = eval_number<F>};
}

}  // namespace

std::span<const OpInfo> elementwise_math_rows() noexcept {
  using enum Bf16Policy;
  static const OpInfo rows[] = {
      number<Abs>("Abs"),
      number<Neg>("Neg"),
      number<Sign>("Sign"),
      real<std::ceil>("Ceil", Deny),
      real<std::floor>("Floor", Deny),
      real<std::nearbyint>("Round", Deny),
      real<std::sqrt>("Sqrt"),
      real<reciprocal>("Reciprocal"),
      real<std::exp>("Exp", Deny),
      real<std::log>("Log", Deny),
      real<std::erf>("Erf"),
      real<std::sin>("Sin", Deny),
      real<std::cos>("Cos", Deny),
      real<std::tan>("Tan", Deny),
      real<std::asin>("Asin", Deny),
      real<std::acos>("Acos", Deny),
      real<std::atan>("Atan", Deny),
      real<std::sinh>("Sinh", Deny),
      real<std::cosh>("Cosh", Deny),
      real<std::tanh>("Tanh"),
      real<std::asinh>("Asinh", Deny),
      real<std::acosh>("Acosh", Deny),
      real<std::atanh>("Atanh", Deny),
      {.name = "IsNaN", .infer = infer_test, .eval = eval_test<IsNan>},
      {.name = "IsInf", .infer = infer_test, .eval = eval_test<IsInf>},
  };
  return rows;
}

}  // namespace inc::ops
