#include <algorithm>
#include <set>
#include <type_traits>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/qdq.h"
#include "adaptors/onednn/views.h"
#include "adaptors/onednn/walk.h"
#include "core/ops/ops.h"
#include "kernels/attention/attention.h"

namespace inc::onednn {
namespace {

/// A constant mask this low leaves a key no share, whatever its score.
constexpr float kHidden = -9e8f;
/// Shorter rows are quantized faster by a step of their own: 8 wide, 256 keys and queries, 0.30 ms instead of 0.37 ms.
constexpr std::int64_t kLeastQuantizedRow = 16;

/// Sums of so many products of 8-bit numbers stay within 32 bits.
constexpr std::int64_t kMostSummed = 1 << 15;

struct Operand {
  ir::ValueId source;
  std::vector<std::int64_t> at;
  std::int64_t row = 0, column = 0;
  TensorScale scale = {};  ///< of 8-bit operands
};

/// The step: softmax(scale * q · kᵀ + mask) · v.
struct Group {
  const ir::Node *scores = nullptr, *softmax = nullptr, *context = nullptr;
  ir::ValueId mask;
  float scale = 1;
  bool whole = false;                 ///< q, k and v are 8-bit
  std::optional<TensorScale> shares;  ///< of 8-bit probabilities
  std::set<ir::NodeId> parts;
  Operand q, k, v, mask_at;
  std::vector<std::int64_t> visible;
  std::int64_t queries = 0, keys = 0, depth = 0, width = 0;
  std::vector<const ir::Node*> behind;  ///< that only move the result
  std::optional<Sink> sink;
};

bool is_product(const ir::Node* node) {
  return node != nullptr && node->inputs.size() == 2 &&
         (node->op == "MatMul" || (node->op == "inc.MatMul" && ops::epilogue(*node).activation == "none"));
}

bool is_real(DType type) {
  return type == DType::Float || type == DType::BFloat16;
}

bool casts_between_reals(const Builder& b, const ir::Node& node) {
  return node.op == "Cast" && is_real(b.dtype(node.inputs[0])) && is_real(b.dtype(node.outputs[0]));
}

class Finder {
 public:
  Finder(const Builder& b, const ir::Node& softmax) : b_(b) { g_.softmax = &softmax; }

  std::optional<Group> find() {
    const ir::Shape& shape = b_.shape(g_.softmax->inputs[0]);
    const auto axis = normal_axis(g_.softmax->attrs.integer("axis", b_.graph().opset < 13 ? 1 : -1), shape.size());
    if (shape.size() < 2 || axis != static_cast<std::int64_t>(shape.size()) - 1) return std::nullopt;
    g_.parts.insert(g_.softmax->id);
    if (!find_scores() || !find_context() || !read_operands() || !read_mask()) return std::nullopt;
    follow_output();
    return g_;
  }

 private:
  /// Goes up from the softmax: casts, one mask, then a scale.
  bool find_scores() {
    ir::ValueId x = g_.softmax->inputs[0];
    for (bool scaled = false;;) {
      const ir::Node* node = b_.graph().producer(x);
      if (node == nullptr || b_.is_known(x) || only_user(b_, x) == nullptr) return false;
      if (is_product(node)) {
        g_.scores = node;
        g_.parts.insert(node->id);
        return true;
      }
      if (casts_between_reals(b_, *node))
        x = node->inputs[0];
      else if (!scaled && g_.mask.none() && node->op == "Add" && take_mask(*node))
        x = node->inputs[g_.mask == node->inputs[0] ? 1 : 0];
      else if (take_scale(*node))
        x = node->inputs[0], scaled = true;
      else
        return false;
      g_.parts.insert(node->id);
    }
  }

  bool take_mask(const ir::Node& node) {
    const auto is_scores = [&](ir::ValueId v) {
      const ir::Node* producer = b_.is_known(v) ? nullptr : b_.graph().producer(v);
      return producer != nullptr && b_.shape(v) == b_.shape(node.outputs[0]) &&
             (is_product(producer) || producer->op == "Div" || producer->op == "Mul" || producer->op == "Cast");
    };
    const bool first = is_scores(node.inputs[0]) && only_user(b_, node.inputs[0]) != nullptr;
    if (!first && !is_scores(node.inputs[1])) return false;
    g_.mask = node.inputs[first ? 1 : 0];
    return is_real(b_.dtype(g_.mask));
  }

  bool take_scale(const ir::Node& node) {
    if ((node.op != "Mul" && node.op != "Div") || b_.known(node.inputs[1]) == nullptr) return false;
    const ir::Tensor& factor = *b_.known(node.inputs[1]);
    if (factor.count() != 1 || !is_float(factor.dtype()) || b_.shape(node.inputs[0]) != b_.shape(node.outputs[0]))
      return false;
    const float value = factor.to_floats()[0];
    g_.scale = node.op == "Mul" ? g_.scale * value : g_.scale / value;
    return true;
  }

  bool find_context() {
    ir::ValueId y = g_.softmax->outputs[0];
    for (;;) {
      const ir::Node* user = only_user(b_, y);
      if (user == nullptr) return false;
      if (is_product(user)) {
        g_.context = user;
        return user->inputs[0] == y && user->inputs[1] != y;
      }
      if (user->op == "QuantizeLinear" && !g_.shares && user->inputs[0] == y) {
        g_.shares = tensor_scale(b_, *user);
        const ir::Node* back = g_.shares ? only_user(b_, user->outputs[0]) : nullptr;
        if (back == nullptr || back->op != "DequantizeLinear" || tensor_scale(b_, *back) != g_.shares) return false;
        g_.parts.insert(user->id);
        user = back;
      } else if (!casts_between_reals(b_, *user)) {
        return false;
      }
      g_.parts.insert(user->id);
      y = user->outputs[0];
    }
  }

  /// Products in 8 bits want all of q, k and v so; 8-bit probabilities want that too, and to begin at 0.
  bool find_types() {
    g_.whole = g_.keys <= kMostSummed && g_.depth <= kMostSummed && dequantized(b_, g_.scores->inputs[0]) &&
               dequantized(b_, g_.scores->inputs[1]) && dequantized(b_, g_.context->inputs[1]);
    return !g_.shares || (g_.whole && g_.shares->zero_point == (g_.shares->dtype == DType::Int8 ? -128 : 0));
  }

  std::optional<Operand> read(ir::ValueId value, const ir::Shape& shape) {
    std::set<ir::NodeId> users = g_.parts;
    users.insert(g_.context->id);
    bool whole = true;
    const auto is_ours = [&](const ir::Node& node) {
      const ir::ValueId y = node.outputs[0];
      const auto& consumers = b_.graph().value(y).consumers;
      const bool ours = whole && !b_.observed(y) &&
                        std::all_of(consumers.begin(), consumers.end(), [&](ir::NodeId id) { return users.contains(id); });
      if (ours) users.insert(node.id);
      return ours;
    };
    Operand operand;
    if (g_.whole) {
      const auto bytes = dequantized(b_, value);
      const ir::Node& back = *b_.graph().producer(value);
      whole = is_ours(back);
      if (whole) g_.parts.insert(back.id);
      operand.scale = bytes->scale;
      value = bytes->q;
    }
    const View view = view_through(b_, value, is_ours);
    View full = view;
    full.axes = broadcast(view.axes, b_.shape(value), shape);
    const auto row = stride_of(full.axes[shape.size() - 2]), column = stride_of(full.axes[shape.size() - 1]);
    if (!row || !column) return std::nullopt;
    g_.parts.insert(view.through.begin(), view.through.end());
    operand.source = view.source, operand.at = matrices_of(full), operand.row = *row, operand.column = *column;
    return operand;
  }

  bool read_operands() {
    const ir::ValueId q = g_.scores->inputs[0], k = g_.scores->inputs[1], v = g_.context->inputs[1];
    const DType type = b_.dtype(q);
    if (!is_real(type) || b_.dtype(k) != type || b_.dtype(v) != type || b_.dtype(g_.context->inputs[0]) != type)
      return false;
    if (type == DType::BFloat16 && !has_bf16()) return false;
    ir::Shape s = b_.shape(g_.scores->outputs[0]), o = b_.shape(g_.context->outputs[0]);
    const std::size_t rank = s.size();
    if (o.size() != rank || !std::equal(s.begin(), s.end() - 2, o.begin())) return false;
    if (b_.shape(q).size() < 2 || b_.shape(k).size() < 2 || b_.shape(v).size() < 2) return false;
    g_.queries = s[rank - 2], g_.keys = s[rank - 1], g_.depth = b_.shape(q).back(), g_.width = o[rank - 1];
    if (!find_types()) return false;
    ir::Shape shape = s;
    const auto operand = [&](ir::ValueId value, std::int64_t rows, std::int64_t columns, Operand& to) {
      shape[rank - 2] = rows, shape[rank - 1] = columns;
      const auto found = read(value, shape);
      if (found) to = *found;
      return found.has_value();
    };
    if (!operand(q, g_.queries, g_.depth, g_.q) || !operand(k, g_.depth, g_.keys, g_.k) ||
        !operand(v, g_.keys, g_.width, g_.v))
      return false;
    std::swap(g_.k.row, g_.k.column);
    return true;
  }

  bool read_mask() {
    if (g_.mask.none()) return true;
    const ir::Shape &shape = b_.shape(g_.scores->outputs[0]), &mask = b_.shape(g_.mask);
    if (mask.size() > shape.size()) return false;
    View view{g_.mask, 0, {}, {}};
    const auto strides = row_major_strides(mask);
    for (std::size_t i = 0; i < mask.size(); ++i) view.axes.push_back({{{mask[i], strides[i]}}});
    view.axes = broadcast(view.axes, mask, shape);
    const auto row = stride_of(view.axes[shape.size() - 2]), column = stride_of(view.axes[shape.size() - 1]);
    g_.mask_at = {g_.mask, matrices_of(view), *row, *column};
    find_visible();
    return true;
  }

  void find_visible() {
    const ir::Tensor* mask = b_.known(g_.mask);
    const auto& at = g_.mask_at.at;
    if (mask == nullptr || g_.mask_at.row == 0 || g_.mask_at.column != 1 || std::set(at.begin(), at.end()).size() != 1)
      return;
    const ir::Tensor held = mask->at_hand();
    const std::vector<float> widened = held.dtype() == DType::Float ? std::vector<float>() : held.to_floats();
    const float* values = widened.empty() ? held.data<float>() : widened.data();
    bool some = false;
    for (std::int64_t r = 0; r < g_.queries; ++r) {
      std::int64_t count = g_.keys;
      while (count > 0 && values[at[0] + r * g_.mask_at.row + count - 1] <= kHidden) --count;
      g_.visible.push_back(count == 0 ? g_.keys : count);
      some = some || g_.visible.back() < g_.keys;
    }
    if (!some) g_.visible.clear();
  }

  /// The one DequantizeLinear that reads what the sink makes, with its scale.
  const ir::Node* behind(const Sink& sink) const {
    const ir::Node* back = sink.nodes.size() == 1 ? only_user(b_, sink.nodes[0]->outputs[0]) : nullptr;
    return back != nullptr && back->op == "DequantizeLinear" && tensor_scale(b_, *back) == sink.scale ? back : nullptr;
  }

  bool turns_rows(const ir::Node& node) const {
    const auto order = node.attrs.integers("perm");
    return node.op == "Transpose" && !order.empty() && order.back() + 1 == static_cast<std::int64_t>(order.size());
  }

  /// Down from the context: one Transpose that keeps rows whole, and what is left before the last QuantizeLinear of one
  /// scale.
  void follow_output() {
    ir::ValueId y = g_.context->outputs[0];
    const bool wide = b_.shape(y).back() >= kLeastQuantizedRow;
    bool may_turn = true;
    std::vector<const ir::Node*> passed;
    for (;;) {
      const auto sink = wide ? quantized_sink(b_, y) : std::nullopt;
      if (sink && (!g_.sink || sink->scale == g_.sink->scale)) {
        g_.behind.insert(g_.behind.end(), passed.begin(), passed.end());
        g_.sink = sink;
        const ir::Node* back = behind(*sink);
        if (back == nullptr) return;
        passed = {sink->nodes[0], back};
        y = back->outputs[0];
        continue;
      }
      const ir::Node* user = only_user(b_, y);
      if (user == nullptr || user->inputs[0] != y) return;
      const bool turns = may_turn && turns_rows(*user);
      if (!turns && user->op != "Reshape" && !casts_between_reals(b_, *user)) return;
      may_turn = may_turn && casts_between_reals(b_, *user);
      (turns && !g_.sink && passed.empty() ? g_.behind : passed).push_back(user);
      y = user->outputs[0];
    }
  }

  const Builder& b_;
  Group g_;
};

/// Where the rows of each matrix of the context go.
Operand output_of(const Builder& b, const Group& g) {
  const ir::Shape& shape = b.shape(g.context->outputs[0]);
  View view{g.context->outputs[0], 0, {}, {}};
  std::vector<std::int64_t> strides = row_major_strides(shape);
  const auto turns = [](const ir::Node* node) { return node->op == "Transpose"; };
  if (const auto turned = std::find_if(g.behind.begin(), g.behind.end(), turns); turned != g.behind.end()) {
    const auto order = (*turned)->attrs.integers("perm");
    const auto moved = row_major_strides(b.shape((*turned)->outputs[0]));
    for (std::size_t i = 0; i < order.size(); ++i) strides[static_cast<std::size_t>(order[i])] = moved[i];
  }
  for (std::size_t i = 0; i < shape.size(); ++i) view.axes.push_back({{{shape[i], strides[i]}}});
  return {view.source, matrices_of(view), strides[shape.size() - 2], 1};
}

struct Slots {
  int q, k, v, mask, to;
};

/// T: float, BFloat16; std::byte for 8-bit operands.
template <class T>
void attend(Frame& f, const Slots& s, kernels::Attention how, const Group& g, const Operand& out) {
  const auto strided = [](const Operand& o) { return kernels::Strided{o.at.data(), o.row, o.column}; };
  how.q = strided(g.q), how.k = strided(g.k), how.v = strided(g.v), how.out = strided(out);
  how.mask_at = strided(g.mask_at);
  if (s.mask >= 0) how.mask = f.as<float>(s.mask);
  if (!g.visible.empty()) how.visible = g.visible.data();
  if constexpr (std::is_same_v<T, std::byte>) {
    const kernels::Operands8 operands{f.at(s.q), f.at(s.k), f.at(s.v), affine(g.q.scale), affine(g.k.scale), affine(g.v.scale),
                                      g.shares ? g.shares->scale : 0};
    if (!g.sink) return kernels::attention(how, operands, f.as<float>(s.to));
    kernels::attention(how, operands, f.at(s.to), affine(g.sink->scale));
  } else {
    if (!g.sink) return kernels::attention(how, f.as<T>(s.q), f.as<T>(s.k), f.as<T>(s.v), f.as<T>(s.to));
    kernels::attention(how, f.as<T>(s.q), f.as<T>(s.k), f.as<T>(s.v), f.at(s.to), affine(g.sink->scale));
  }
}

void emit_attention(Builder& b, const Group& g) {
  const bool bf16 = b.dtype(g.q.source) == DType::BFloat16, int8 = g.whole;
  Slots s{b.plain(g.q.source), b.plain(g.k.source), b.plain(g.v.source), -1, -1};
  std::vector<int> reads{s.q, s.k, s.v};
  if (!g.mask.none()) reads.push_back(s.mask = b.plain(b.widened(g.mask)));
  for (const ir::Node* node : g.behind) b.mark_done(node->id);
  if (g.sink) {
    s.to = b.make(g.sink->nodes.front()->outputs[0]);
    for (std::size_t i = 1; i < g.sink->nodes.size(); ++i) b.bind(g.sink->nodes[i]->outputs[0], s.to);
    for (const ir::Node* node : g.sink->nodes) b.mark_done(node->id);
  } else {
    s.to = b.make(g.behind.empty() ? g.context->outputs[0] : g.behind.front()->outputs[0]);
  }
  kernels::Attention how;
  how.matrices = static_cast<std::int64_t>(g.q.at.size());
  how.queries = g.queries, how.keys = g.keys, how.depth = g.depth, how.width = g.width;
  how.scale = g.scale;
  Step& step = b.step(*g.context, "inc:attention", reads, {s.to}, [=, out = output_of(b, g)](Frame& f) {
    if (int8)
      attend<std::byte>(f, s, how, g, out);
    else if (bf16)
      attend<BFloat16>(f, s, how, g, out);
    else
      attend<float>(f, s, how, g, out);
  });
  if (bf16 || int8) step.profile.precision = int8 ? "int8" : "bf16";
}

}  // namespace

void reserve_attention(Builder& b) {
  for (const ir::NodeId id : b.graph().nodes()) {
    const ir::Node& node = b.graph().node(id);
    if (node.op != "Softmax" || b.is_known(node.outputs[0])) continue;
    const auto group = Finder(b, node).find();
    if (!group) continue;
    b.reserve(group->context->id, {group->parts.begin(), group->parts.end()},
              [g = *group](Builder& builder) { emit_attention(builder, g); });
  }
}

}  // namespace inc::onednn
