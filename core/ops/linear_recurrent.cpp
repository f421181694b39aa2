#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/ops/linear.h"

namespace inc::ops {
namespace {

/// What tells the three operators apart. Gates per cell, and the places of their optional inputs.
struct Kind {
  std::size_t gates;
  bool cell_state;
  std::vector<std::string> activations;  ///< defaults, per direction
};
const Kind kRnn = {1, false, {"Tanh"}};
const Kind kGru = {3, false, {"Sigmoid", "Tanh"}};
const Kind kLstm = {4, true, {"Sigmoid", "Tanh", "Tanh"}};

using Vector = std::vector<double>;
using Function = std::function<double(double)>;

struct FunctionRule {
  std::string_view name;
  double alpha, beta;
  bool takes_alpha, takes_beta;
  double (*apply)(double x, double alpha, double beta);
};

constexpr FunctionRule kFunctions[] = {
    {"Relu", 0, 0, false, false, [](double x, double, double) { return x > 0 ? x : 0; }},
    {"Tanh", 0, 0, false, false, [](double x, double, double) { return std::tanh(x); }},
    {"Sigmoid", 0, 0, false, false, [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
    {"Affine", 1, 0, true, true, [](double x, double a, double b) { return a * x + b; }},
    {"LeakyRelu", 0.01, 0, true, false, [](double x, double a, double) { return x >= 0 ? x : a * x; }},
    {"ThresholdedRelu", 1, 0, true, false, [](double x, double a, double) { return x >= a ? x : 0; }},
    {"ScaledTanh", 1, 1, true, true, [](double x, double a, double b) { return a * std::tanh(b * x); }},
    {"HardSigmoid", 0.2, 0.5, true, true, [](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }},
    {"Elu", 1, 0, true, false, [](double x, double a, double) { return x >= 0 ? x : a * (std::exp(x) - 1); }},
    {"Softsign", 0, 0, false, false, [](double x, double, double) { return x / (1 + std::abs(x)); }},
    {"Softplus", 0, 0, false, false, [](double x, double, double) { return std::log1p(std::exp(x)); }},
};

const FunctionRule* find_function(const std::string& name) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  for (const auto& rule : kFunctions)
    if (std::equal(name.begin(), name.end(), rule.name.begin(), rule.name.end(), same)) return &rule;
  return nullptr;
}

std::vector<std::string> activation_names(const ir::Attrs& attrs, const Kind& kind, std::size_t directions) {
  const auto it = attrs.items().find("activations");
  if (it != attrs.items().end())
    if (const auto* names = std::get_if<std::vector<std::string>>(&it->second); names != nullptr && !names->empty())
      return *names;
  std::vector<std::string> names;
  for (std::size_t d = 0; d < directions; ++d) names.insert(names.end(), kind.activations.begin(), kind.activations.end());
  return names;
}

/// The activations of all directions one after the other; alpha and beta go in order to those that take them.
std::vector<Function> functions_of(const ir::Attrs& attrs, const Kind& kind, std::size_t directions) {
  const auto alphas = attrs.reals("activation_alpha"), betas = attrs.reals("activation_beta");
  const double limit = static_cast<double>(attrs.real("clip", 0));
  std::size_t next_alpha = 0, next_beta = 0;
  std::vector<Function> out;
  for (const auto& name : activation_names(attrs, kind, directions)) {
    const FunctionRule* rule = find_function(name);
    require(rule != nullptr, fmt::format("activation '{}' is not known", name));
    double alpha = rule->alpha, beta = rule->beta;
    if (rule->takes_alpha && next_alpha < alphas.size()) alpha = static_cast<double>(alphas[next_alpha++]);
    if (rule->takes_beta && next_beta < betas.size()) beta = static_cast<double>(betas[next_beta++]);
    out.push_back([=](double x) { return rule->apply(limit > 0 ? std::clamp(x, -limit, limit) : x, alpha, beta); });
  }
  require(out.size() == kind.activations.size() * directions,
          fmt::format("{} activations found, expected {}", out.size(), kind.activations.size() * directions));
  return out;
}

struct Extent {
  std::int64_t steps, batch, in, hidden, directions;
  bool batch_first;
};

Extent extent_of(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w, const ir::Shape& r, const Kind& kind) {
  const bool batch_first = attrs.integer("layout") != 0;
  const std::string direction = attrs.text("direction", "forward");
  require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
          fmt::format("direction '{}' is not known", direction));
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  require(x.size() == 3 && w.size() == 3 && r.size() == 3, "X, W and R of rank 3 are expected");
  const Extent e{x[batch_first ? 1 : 0], x[batch_first ? 0 : 1], x[2], r[2], directions, batch_first};
  const std::int64_t rows = static_cast<std::int64_t>(kind.gates) * e.hidden;
  require(w == ir::Shape({directions, rows, e.in}) && r == ir::Shape({directions, rows, e.hidden}),
          fmt::format("W {} and R {} found for X {}", to_string(w), to_string(r), to_string(x)));
  return e;
}

void require_shape(const InferContext& c, std::size_t input, const ir::Shape& wanted) {
  require(!c.has(input) || c.inputs[input].shape == wanted,
          c.has(input) ? fmt::format("input {} of shape {} found, expected {}", input, to_string(c.inputs[input].shape),
                                     to_string(wanted))
                       : "");
}

std::vector<OutputSpec> infer_kind(const InferContext& c, const Kind& kind) {
  const Extent e = extent_of(c.attrs, c.inputs[0].shape, c.inputs[1].shape, c.inputs[2].shape, kind);
  const ir::Shape state =
      e.batch_first ? ir::Shape{e.batch, e.directions, e.hidden} : ir::Shape{e.directions, e.batch, e.hidden};
  require_shape(c, 3, {e.directions, 2 * static_cast<std::int64_t>(kind.gates) * e.hidden});
  require_shape(c, 4, {e.batch});
  require_shape(c, 5, state);
  require_shape(c, 6, state);
  require_shape(c, 7, {e.directions, 3 * e.hidden});
  const ir::Shape y = e.batch_first ? ir::Shape{e.batch, e.steps, e.directions, e.hidden}
                                    : ir::Shape{e.steps, e.directions, e.batch, e.hidden};
  std::vector<OutputSpec> out = {{c.inputs[0].dtype, y}, {c.inputs[0].dtype, state}};
  if (kind.cell_state) out.push_back(out[1]);
  return out;
}

/// matrix [rows, n] times x, added to `to`.
void add_product(const double* matrix, const double* x, std::int64_t n, std::size_t first, Vector& to) {
  for (std::size_t row = 0; row < to.size(); ++row) {
    const double* w = matrix + static_cast<std::int64_t>(first + row) * n;
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += w[i] * x[i];
    to[row] += sum;
  }
}

/// The parameters of one direction.
struct Cell {
  const double *w, *r, *bias, *peephole;  ///< bias and peephole may be nullptr
  const Function* f;
  std::int64_t in, hidden;
  bool linear_before_reset, input_forget;
  double bias_at(std::size_t i) const { return bias == nullptr ? 0.0 : bias[i]; }
  double peep(std::size_t which, std::size_t i) const {
    return peephole == nullptr ? 0.0 : peephole[which * static_cast<std::size_t>(hidden) + i];
  }
};

Vector inputs_to_gates(const Cell& cell, std::size_t gates, const double* x) {
  const auto h = static_cast<std::size_t>(cell.hidden);
  Vector out(gates * h);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = cell.bias_at(i);
  add_product(cell.w, x, cell.in, 0, out);
  return out;
}

void step_rnn(const Cell& cell, const double* x, Vector& state, Vector&) {
  Vector gate = inputs_to_gates(cell, 1, x);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] += cell.bias_at(gate.size() + i);
  add_product(cell.r, state.data(), cell.hidden, 0, gate);
  for (std::size_t i = 0; i < gate.size(); ++i) state[i] = cell.f[0](gate[i]);
}

void step_gru(const Cell& cell, const double* x, Vector& state, Vector&) {
  const std::size_t h = state.size();
  const Vector gates = inputs_to_gates(cell, 3, x);
  Vector zr(2 * h), hidden(h), masked(h);
  for (std::size_t i = 0; i < 2 * h; ++i) zr[i] = gates[i] + cell.bias_at(3 * h + i);
  add_product(cell.r, state.data(), cell.hidden, 0, zr);
  for (auto& v : zr) v = cell.f[0](v);
  for (std::size_t i = 0; i < h; ++i) masked[i] = cell.linear_before_reset ? state[i] : zr[h + i] * state[i];
  for (std::size_t i = 0; i < h; ++i) hidden[i] = cell.bias_at(5 * h + i);
  add_product(cell.r, masked.data(), cell.hidden, 2 * h, hidden);
  for (std::size_t i = 0; i < h; ++i) {
    const double candidate = cell.f[1](gates[2 * h + i] + (cell.linear_before_reset ? zr[h + i] * hidden[i] : hidden[i]));
    state[i] = (1 - zr[i]) * candidate + zr[i] * state[i];
  }
}

void step_lstm(const Cell& cell, const double* x, Vector& state, Vector& memory) {
  const std::size_t h = state.size();
  Vector gates = inputs_to_gates(cell, 4, x);
  for (std::size_t i = 0; i < 4 * h; ++i) gates[i] += cell.bias_at(4 * h + i);
  add_product(cell.r, state.data(), cell.hidden, 0, gates);
  for (std::size_t i = 0; i < h; ++i) {
    const double input = cell.f[0](gates[i] + cell.peep(0, i) * memory[i]);
    const double forget = cell.input_forget ? 1 - input : cell.f[0](gates[2 * h + i] + cell.peep(2, i) * memory[i]);
    memory[i] = forget * memory[i] + input * cell.f[1](gates[3 * h + i]);
    state[i] = cell.f[0](gates[h + i] + cell.peep(1, i) * memory[i]) * cell.f[2](memory[i]);
  }
}

Vector optional_doubles(const EvalContext& c, std::size_t input) {
  return c.has(input) ? to_doubles(c.inputs[input]) : Vector{};
}

void eval_kind(const EvalContext& c, const Kind& kind, void (*step)(const Cell&, const double*, Vector&, Vector&)) {
  const Extent e = extent_of(c.attrs, c.inputs[0].shape(), c.inputs[1].shape(), c.inputs[2].shape(), kind);
  const auto functions = functions_of(c.attrs, kind, static_cast<std::size_t>(e.directions));
  const Vector x = to_doubles(c.inputs[0]), w = to_doubles(c.inputs[1]), r = to_doubles(c.inputs[2]),
               b = optional_doubles(c, 3);
  const Vector h0 = optional_doubles(c, 5), c0 = optional_doubles(c, 6), p = optional_doubles(c, 7);
  const auto lengths =
      c.has(4) ? c.inputs[4].to_int64s() : std::vector<std::int64_t>(static_cast<std::size_t>(e.batch), e.steps);
  const std::int64_t rows = static_cast<std::int64_t>(kind.gates) * e.hidden;
  Vector y(static_cast<std::size_t>(c.outputs[0].count()), 0.0), last(static_cast<std::size_t>(c.outputs[1].count()));
  Vector last_memory(last.size());
  for (std::int64_t d = 0; d < e.directions; ++d) {
    const bool backward = d == 1 || c.attrs.text("direction", "forward") == "reverse";
    const Cell cell{w.data() + d * rows * e.in,
                    r.data() + d * rows * e.hidden,
                    b.empty() ? nullptr : b.data() + d * 2 * rows,
                    p.empty() ? nullptr : p.data() + d * 3 * e.hidden,
                    functions.data() + d * static_cast<std::int64_t>(kind.activations.size()),
                    e.in,
                    e.hidden,
                    c.attrs.integer("linear_before_reset") != 0,
                    c.attrs.integer("input_forget") != 0};
    for (std::int64_t n = 0; n < e.batch; ++n) {
      const std::int64_t length = lengths[static_cast<std::size_t>(n)],
                         at = (e.batch_first ? n * e.directions + d : d * e.batch + n) * e.hidden;
      require(length >= 0 && length <= e.steps,
              fmt::format("sequence length {} found, expected at most {}", length, e.steps));
      Vector state(static_cast<std::size_t>(e.hidden), 0.0), memory = state;
      if (!h0.empty()) state.assign(h0.begin() + at, h0.begin() + at + e.hidden);
      if (kind.cell_state && !c0.empty()) memory.assign(c0.begin() + at, c0.begin() + at + e.hidden);
      for (std::int64_t s = 0; s < length; ++s) {
        const std::int64_t t = backward ? length - 1 - s : s;
        step(cell, x.data() + (e.batch_first ? n * e.steps + t : t * e.batch + n) * e.in, state, memory);
        const std::int64_t to = e.batch_first ? ((n * e.steps + t) * e.directions + d) * e.hidden
                                              : ((t * e.directions + d) * e.batch + n) * e.hidden;
        std::copy(state.begin(), state.end(), y.begin() + to);
      }
      std::copy(state.begin(), state.end(), last.begin() + at);
      std::copy(memory.begin(), memory.end(), last_memory.begin() + at);
    }
  }
  from_doubles(y, c.outputs[0]);
  from_doubles(last, c.outputs[1]);
  if (kind.cell_state) from_doubles(last_memory, c.outputs[2]);
}

template <const Kind& kind>
std::vector<OutputSpec> infer(const InferContext& c) {
  return infer_kind(c, kind);
}

void eval_rnn(const EvalContext& c) {
  eval_kind(c, kRnn, step_rnn);
}
void eval_gru(const EvalContext& c) {
  eval_kind(c, kGru, step_gru);
}
void eval_lstm(const EvalContext& c) {
  eval_kind(c, kLstm, step_lstm);
}

template <const Kind& kind>
Support known_activations(const ir::Node& node, std::int64_t) {
  for (const auto& name : activation_names(node.attrs, kind, 1))
    if (find_function(name) == nullptr) return Support::no(fmt::format("activation '{}' is not known", name));
  return Support::yes();
}

}  // namespace

std::span<const OpInfo> recurrent_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "RNN",
       .min_inputs = 3,
       .max_inputs = 6,
       .weight_input = 1,
       .infer = infer<kRnn>,
       .eval = eval_rnn,
       .supports = known_activations<kRnn>},
      {.name = "GRU",
       .min_inputs = 3,
       .max_inputs = 6,
       .weight_input = 1,
       .infer = infer<kGru>,
       .eval = eval_gru,
       .supports = known_activations<kGru>},
      {.name = "LSTM",
       .min_inputs = 3,
       .max_inputs = 8,
       .weight_input = 1,
       .infer = infer<kLstm>,
       .eval = eval_lstm,
       .supports = known_activations<kLstm>},
  };
  return kRows;
}

}  // namespace inc::ops
