#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/linear.h"
#include "core/base/parallel.h"
#include "kernels/recurrent/recurrent.h"

namespace inc::onednn {
namespace {

enum class Kind : std::uint8_t { Rnn, RnnRelu, Gru, Lstm };

struct Cell {
  Kind kind = Kind::Rnn;
  std::int64_t steps, batch, in, hidden, directions, gates;
  bool reset_after = false;  ///< GRU: linear_before_reset
  bool reverse = false;      ///< the first direction
};

/// x[rows, k] times weights, added to y where `adds`; rows of y lie `pitch` elements apart.
struct Product {
  dnnl::matmul primitive;
  Desc x, weights, y, scratchpad;
  int packed = -1, pad = -1;
  bool alone = false;                              ///< more threads would sum in another order
  std::int64_t rows = 0, k = 0, n = 0, pitch = 0;  ///< of a product in our own kernel; rows 0: the library's
};

struct Direction {
  Product input, state, candidate;  ///< candidate: GRU only, which the state's product then leaves out
  std::vector<float> input_bias, state_bias;
  bool backward = false;
};

std::optional<Kind> kind_of(const ir::Node& node, std::int64_t directions) {
  std::vector<std::string> names;
  if (const auto it = node.attrs.items().find("activations"); it != node.attrs.items().end())
    if (const auto* given = std::get_if<std::vector<std::string>>(&it->second)) names = *given;
  const auto all = [&](std::vector<std::string> one) {
    std::vector<std::string> wanted;
    for (std::int64_t d = 0; d < directions; ++d) wanted.insert(wanted.end(), one.begin(), one.end());
    return names.empty() || names == wanted;
  };
  if (node.op == "LSTM" && all({"Sigmoid", "Tanh", "Tanh"})) return Kind::Lstm;
  if (node.op == "GRU" && all({"Sigmoid", "Tanh"})) return Kind::Gru;
  if (node.op == "RNN" && all({"Tanh"})) return Kind::Rnn;
  if (node.op == "RNN" && all({"Relu"})) return Kind::RnnRelu;
  return std::nullopt;
}

std::optional<Cell> read_cell(const Builder& b, const ir::Node& node) {
  if (node.attrs.integer("layout") != 0 || node.attrs.real("clip", 0) != 0 || node.attrs.integer("input_forget") != 0)
    return std::nullopt;
  const ir::Shape &x = b.shape(node.inputs[0]), &r = b.shape(node.inputs[2]);
  const auto kind = kind_of(node, r[0]);
  if (!kind || !node.input(7).none() || !b.is_known(node.inputs[1]) || !b.is_known(node.inputs[2])) return std::nullopt;
  if (!node.input(3).none() && !b.is_known(node.input(3))) return std::nullopt;
  if (!node.input(4).none()) {
    if (b.known(node.input(4)) == nullptr) return std::nullopt;
    for (const std::int64_t length : b.known(node.input(4))->to_int64s())
      if (length != x[0]) return std::nullopt;
  }
  Cell c{*kind, x[0], x[1], x[2], r[2], r[0], r[1] / r[2]};
  c.reset_after = node.attrs.integer("linear_before_reset") != 0;
  c.reverse = node.attrs.text("direction", "forward") == "reverse";
  return c;
}

/// Rows `first` to `past` of one direction of a [directions, rows, columns] constant.
ir::Tensor rows_of(const ir::Tensor& all, std::int64_t direction, std::int64_t first, std::int64_t past) {
  const std::int64_t columns = all.shape()[2];
  ir::Tensor part(DType::Float, {past - first, columns});
  std::memcpy(part.mutable_raw(), all.data<float>() + (direction * all.shape()[1] + first) * columns, part.bytes());
  return part;
}

/// Those that are added to the input's product, and those of the state's product that the reset gate scales.
void read_biases(const Builder& b, const ir::Node& node, const Cell& c, std::int64_t direction, Direction& to) {
  const std::int64_t rows = c.gates * c.hidden;
  to.input_bias.resize(static_cast<std::size_t>(rows));
  to.state_bias.resize(static_cast<std::size_t>(c.hidden));
  if (node.input(3).none()) return;
  const float* both = b.known(node.input(3))->data<float>() + direction * 2 * rows;
  for (std::int64_t i = 0; i < rows; ++i) {
    const bool apart = c.kind == Kind::Gru && c.reset_after && i >= 2 * c.hidden;
    to.input_bias[static_cast<std::size_t>(i)] = both[i] + (apart ? 0.0f : both[rows + i]);
    if (apart) to.state_bias[static_cast<std::size_t>(i - 2 * c.hidden)] = both[rows + i];
  }
}

std::optional<Product> product(Builder& b, std::int64_t rows, ir::Tensor weights, std::int64_t pitch) {
  const std::int64_t n = weights.shape()[0], k = weights.shape()[1];
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops ops;
  ops.append_sum(1.0f);
  attr.set_post_ops(ops);
  const Desc x = plain_desc(DType::Float, {rows, k}), y({rows, n}, DataType::f32, dnnl::memory::dims{pitch, 1});
  const dnnl::matmul::primitive_desc pd(cpu(), x, any_desc(DataType::f32, {k, n}), y, attr, true);
  if (!pd || is_reference(pd)) return std::nullopt;
  Product made{dnnl::matmul(pd), x, pd.weights_desc(), y, pd.scratchpad_desc()};
  made.packed =
      b.packed(b.add_known(std::move(weights)), Desc({k, n}, DataType::f32, dnnl::memory::dims{1, k}), made.weights);
  if (made.scratchpad.get_size() > 0) made.pad = b.scratch_bytes(made.scratchpad);
  made.alone = k > 192 && std::string_view(pd.impl_info_str()).find("gemm") != std::string_view::npos;
  return made;
}

constexpr std::int64_t kFewRows = 4, kCachedWeights = 1 << 18;

/// From [n, k] to what kernels::add_product takes.
ir::Tensor panels(const ir::Tensor& weights) {
  const std::int64_t n = weights.shape()[0], k = weights.shape()[1];
  ir::Tensor packed(DType::Float, {k, n});
  const float* from = weights.data<float>();
  float* to = packed.mutable_data<float>();
  for (std::int64_t first = 0; first < n; first += kernels::kProductPanel)
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t c = first; c < std::min(n, first + kernels::kProductPanel); ++c) *to++ = from[c * k + i];
  return packed;
}

std::optional<Product> state_product(Builder& b, std::int64_t rows, ir::Tensor weights, std::int64_t pitch) {
  const std::int64_t n = weights.shape()[0], k = weights.shape()[1];
  if (rows > kFewRows || n * k > kCachedWeights) return product(b, rows, std::move(weights), pitch);
  const Desc desc = plain_desc(DType::Float, {k, n});
  Product made;
  made.packed = b.packed(b.add_known(panels(weights)), desc, desc);
  made.rows = rows, made.k = k, made.n = n, made.pitch = pitch;
  return made;
}

std::optional<Direction> direction(Builder& b, const ir::Node& node, const Cell& c, std::int64_t index) {
  const ir::Tensor &w = *b.known(node.inputs[1]), &r = *b.known(node.inputs[2]);
  const std::int64_t rows = c.gates * c.hidden, joint = c.kind == Kind::Gru ? 2 * c.hidden : rows;
  auto input = product(b, c.steps * c.batch, rows_of(w, index, 0, rows), rows);
  auto state = state_product(b, c.batch, rows_of(r, index, 0, joint), rows);
  auto candidate = joint < rows ? state_product(b, c.batch, rows_of(r, index, joint, rows), c.hidden) : Product{};
  if (!input || !state || !candidate) return std::nullopt;
  Direction made{std::move(*input), std::move(*state), std::move(*candidate), {}, {}, index == 1 || c.reverse};
  read_biases(b, node, c, index, made);
  return made;
}

/// The places of a run.
struct Places {
  int x, gates, state, memory, masked, recurrent;  ///< scratch but for x; memory: LSTM, masked and recurrent: GRU
  int first_state, first_memory;                   ///< -1: zeros
  int y, last_state, last_memory;                  ///< -1: nobody wants them
};

class Walk {
 public:
  Walk(const Cell& cell, const Places& places, Frame& frame) : c_(cell), at_(places), f_(frame), stream_(cpu()) {}

  void run(const Direction& d, std::int64_t index) {
    const std::int64_t size = c_.batch * c_.hidden, rows = c_.gates * c_.hidden;
    float *gates = f_.as<float>(at_.gates), *state = f_.as<float>(at_.state);
    repeat(d.input_bias, gates, c_.steps * c_.batch);
    multiply(d.input, f_.as<float>(at_.x), gates);
    begin(at_.first_state, state, index);
    if (c_.kind == Kind::Lstm) begin(at_.first_memory, f_.as<float>(at_.memory), index);
    for (std::int64_t s = 0; s < c_.steps; ++s) {
      const std::int64_t t = d.backward ? c_.steps - 1 - s : s;
      step(d, gates + t * c_.batch * rows, state);
      if (at_.y >= 0) std::copy_n(state, size, f_.as<float>(at_.y) + (t * c_.directions + index) * size);
    }
    if (at_.last_state >= 0) std::copy_n(state, size, f_.as<float>(at_.last_state) + index * size);
    if (at_.last_memory >= 0) std::copy_n(f_.as<float>(at_.memory), size, f_.as<float>(at_.last_memory) + index * size);
  }

 private:
  void step(const Direction& d, float* gates, float* state) {
    multiply(d.state, state, gates);
    if (c_.kind == Kind::Lstm) return kernels::lstm_cell(gates, f_.as<float>(at_.memory), state, c_.batch, c_.hidden);
    if (c_.kind != Kind::Gru) return kernels::rnn_cell(gates, state, c_.batch * c_.hidden, c_.kind == Kind::RnnRelu);
    float *masked = f_.as<float>(at_.masked), *recurrent = f_.as<float>(at_.recurrent);
    if (!c_.reset_after) kernels::gru_reset(gates, state, masked, c_.batch, c_.hidden);
    repeat(d.state_bias, recurrent, c_.batch);
    multiply(d.candidate, c_.reset_after ? state : masked, recurrent);
    kernels::gru_cell(gates, recurrent, state, c_.batch, c_.hidden, c_.reset_after);
  }

  void multiply(const Product& p, float* x, float* y) {
    if (p.rows > 0) return kernels::add_product(x, f_.as<float>(p.packed), y, p.rows, p.k, p.n, p.pitch);
    std::unordered_map<int, dnnl::memory> args{{DNNL_ARG_SRC, dnnl::memory(p.x, cpu(), x)},
                                               {DNNL_ARG_WEIGHTS, dnnl::memory(p.weights, cpu(), f_.at(p.packed))},
                                               {DNNL_ARG_DST, dnnl::memory(p.y, cpu(), y)}};
    if (p.pad >= 0) args.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(p.scratchpad, cpu(), f_.at(p.pad)));
    const int team = threads();
    if (p.alone) set_threads(1);
    p.primitive.execute(stream_, args);
    if (p.alone) set_threads(team);
  }

  void begin(int from, float* to, std::int64_t index) {
    const std::int64_t size = c_.batch * c_.hidden;
    if (from >= 0)
      std::copy_n(f_.as<float>(from) + index * size, size, to);
    else
      std::fill_n(to, size, 0.0f);
  }

  static void repeat(const std::vector<float>& row, float* to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) to = std::copy(row.begin(), row.end(), to);
  }

  const Cell& c_;
  const Places& at_;
  Frame& f_;
  dnnl::stream stream_;
};

int output(Builder& b, const ir::Node& node, std::size_t index) {
  return index < node.outputs.size() && !node.outputs[index].none() ? b.make(node.outputs[index]) : -1;
}

}  // namespace

bool emit_recurrent(Builder& b, const ir::Node& node) {
  if ((node.op != "LSTM" && node.op != "GRU" && node.op != "RNN") || b.dtype(node.inputs[0]) != DType::Float) return false;
  const auto cell = read_cell(b, node);
  if (!cell || cell->steps == 0) return false;
  std::vector<Direction> directions;
  for (std::int64_t d = 0; d < cell->directions; ++d) {
    auto made = direction(b, node, *cell, d);
    if (!made) return false;
    directions.push_back(std::move(*made));
  }
  const auto given = [&](std::size_t i) { return node.input(i).none() ? -1 : b.plain(node.input(i)); };
  const auto scratch = [&](std::int64_t rows, std::int64_t columns) { return b.scratch(DType::Float, {rows, columns}); };
  const Cell& c = *cell;
  Places at{};
  at.x = b.plain(node.inputs[0]);
  at.first_state = given(5);
  at.first_memory = given(6);
  at.gates = scratch(c.steps * c.batch, c.gates * c.hidden);
  at.state = scratch(c.batch, c.hidden);
  at.memory = scratch(c.batch, c.hidden);
  at.masked = scratch(c.batch, c.hidden);
  at.recurrent = scratch(c.batch, c.hidden);
  at.y = output(b, node, 0);
  at.last_state = output(b, node, 1);
  at.last_memory = output(b, node, 2);
  std::vector<int> reads{at.x}, writes{at.gates, at.state, at.memory, at.masked, at.recurrent};
  for (const int slot : {at.first_state, at.first_memory})
    if (slot >= 0) reads.push_back(slot);
  for (const int slot : {at.y, at.last_state, at.last_memory})
    if (slot >= 0) writes.push_back(slot);
  for (const Direction& d : directions)
    for (const Product* p : {&d.input, &d.state, &d.candidate})
      if (p->pad >= 0) writes.push_back(p->pad);
  b.step(node, "inc:recurrent", reads, writes, [=](Frame& f) {
    for (std::size_t d = 0; d < directions.size(); ++d) Walk(c, at, f).run(directions[d], static_cast<std::int64_t>(d));
  });
  return true;
}

}  // namespace inc::onednn
