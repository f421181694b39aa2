#include <cmath>

#include "core/ops/elementwise.h"

namespace inc::ops {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return std::log1p(std::exp(-std::fabs(x))) + (x > 0 ? x : 0);
}
double unit(double x) {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

struct Relu {
  explicit Relu(const ir::Attrs&) {}
  template <class T>
  T operator()(T x) const {
    return x < T{} ? T{} : x;
  }
};
struct Sigmoid {
  explicit Sigmoid(const ir::Attrs&) {}
  double operator()(double x) const { return sigmoid(x); }
};
struct Softplus {
  explicit Softplus(const ir::Attrs&) {}
  double operator()(double x) const { return softplus(x); }
};
struct Softsign {
  explicit Softsign(const ir::Attrs&) {}
  double operator()(double x) const { return x / (1 + std::fabs(x)); }
};
struct Mish {
  explicit Mish(const ir::Attrs&) {}
  double operator()(double x) const { return x * std::tanh(softplus(x)); }
};
struct HardSwish {
  explicit HardSwish(const ir::Attrs&) {}
  double operator()(double x) const { return x * unit(x / 6 + 0.5); }
};
struct Gelu {
  explicit Gelu(const ir::Attrs& a) : tanh(a.text("approximate", "none") == "tanh") {}
  double operator()(double x) const {
    if (tanh) return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + std::erf(x * 0.7071067811865476));
  }
  bool tanh;
};
struct Swish {
  explicit Swish(const ir::Attrs& a) : alpha(static_cast<double>(a.real("alpha", 1.0f))) {}
  double operator()(double x) const { return x * sigmoid(alpha * x); }
  double alpha;
};
struct Elu {
  explicit Elu(const ir::Attrs& a) : alpha(static_cast<double>(a.real("alpha", 1.0f))) {}
  double operator()(double x) const { return x < 0 ? alpha * std::expm1(x) : x; }
  double alpha;
};
struct Celu {
  explicit Celu(const ir::Attrs& a) : alpha(static_cast<double>(a.real("alpha", 1.0f))) {}
  double operator()(double x) const { return x < 0 ? alpha * std::expm1(x / alpha) : x; }
  double alpha;
};
struct Selu {
  explicit Selu(const ir::Attrs& a)
      : alpha(static_cast<double>(a.real("alpha", 1.67326319217681884765625f))),
        gamma(static_cast<double>(a.real("gamma", 1.05070102214813232421875f))) {}
  double operator()(double x) const { return gamma * (x <= 0 ? alpha * std::expm1(x) : x); }
  double alpha, gamma;
};
struct LeakyRelu {
  explicit LeakyRelu(const ir::Attrs& a) : alpha(static_cast<double>(a.real("alpha", 0.01f))) {}
  double operator()(double x) const { return x < 0 ? alpha * x : x; }
  double alpha;
};
struct ThresholdedRelu {
  explicit ThresholdedRelu(const ir::Attrs& a) : alpha(static_cast<double>(a.real("alpha", 1.0f))) {}
  double operator()(double x) const { return x > alpha ? x : 0; }
  double alpha;
};
struct HardSigmoid {
  explicit HardSigmoid(const ir::Attrs& a)
      : alpha(static_cast<double>(a.real("alpha", 0.2f))), beta(static_cast<double>(a.real("beta", 0.5f))) {}
  double operator()(double x) const { return unit(alpha * x + beta); }
  double alpha, beta;
};
struct Shrink {
  explicit Shrink(const ir::Attrs& a)
      : bias(static_cast<double>(a.real("bias", 0))), lambda(static_cast<double>(a.real("lambd", 0.5f))) {}
  template <class T>
  T operator()(T value) const {
    const auto x = static_cast<double>(value);
    return clamped<T>(x < -lambda ? x + bias : x > lambda ? x - bias : 0);
  }
  double bias, lambda;
};

std::vector<OutputSpec> infer_prelu(const InferContext& c) {
  require_same_dtype(c, 0, 2);
  broadcast_strides(c.inputs[1].shape, c.inputs[0].shape);
  return {{c.inputs[0].dtype, c.inputs[0].shape}};
}

void eval_prelu(const EvalContext& c) {
  visit_number(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, T>(c, [](T x, T slope) {
      return wide(x) < Wide<T>{} ? clamped<T>(static_cast<double>(wide(x)) * static_cast<double>(wide(slope))) : x;
    });
  });
}

std::vector<OutputSpec> infer_swiglu(const InferContext& c) {
  require_same_dtype(c, 0, 2);
  require(c.inputs[0].shape == c.inputs[1].shape, "the inputs of SwiGLU have different shapes");
  return {{c.inputs[0].dtype, c.inputs[0].shape}};
}

void eval_swiglu(const EvalContext& c) {
  const Swish swish(c.attrs);
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    map_pairs<T, T, T>(c, [&](T gate, T value) {
      return narrow<T>(swish(static_cast<double>(wide(gate))) * static_cast<double>(wide(value)));
    });
  });
}

template <class F>
OpInfo activation(std::string_view name, Bf16Policy bf16 = Bf16Policy::Infer) {
  return {.name = name, .bf16 = bf16, .infer = infer_same, .eval = eval_real<F>};
}

}  // namespace

std::span<const OpInfo> elementwise_activation_rows() noexcept {
  using enum Bf16Policy;
  static const OpInfo rows[] = {
      {.name = "Relu", .quant = QuantRole::PassThrough, .bf16 = Infer, .infer = infer_same, .eval = eval_number<Relu>},
      {.name = "Shrink", .infer = infer_same, .eval = eval_number<Shrink>},
      activation<Sigmoid>("Sigmoid"),
      activation<Softplus>("Softplus"),
      activation<Softsign>("Softsign"),
      activation<Mish>("Mish"),
      activation<HardSwish>("HardSwish"),
      activation<HardSigmoid>("HardSigmoid"),
      activation<Gelu>("Gelu"),
      activation<Swish>("Swish"),
      activation<Elu>("Elu"),
      activation<Celu>("Celu"),
      activation<Selu>("Selu"),
      activation<LeakyRelu>("LeakyRelu"),
      activation<ThresholdedRelu>("ThresholdedRelu", Deny),
      {.name = "PRelu", .min_inputs = 2, .max_inputs = 2, .bf16 = Infer, .infer = infer_prelu, .eval = eval_prelu},
      {.name = "SwiGLU", .min_inputs = 2, .max_inputs = 2, .bf16 = Infer, .infer = infer_swiglu, .eval = eval_swiglu},
  };
  return rows;
}

}  // namespace inc::ops
