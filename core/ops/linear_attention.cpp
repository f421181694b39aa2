#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/linear.h"

namespace inc::ops {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

struct Heads {
  std::int64_t batch, heads, kv_heads, queries, keys, past, width, value_width;
  bool flat;  ///< three-dimensional inputs: heads lie side by side in the last dimension
  std::int64_t total() const noexcept { return past + keys; }
};

Heads heads_of(const ir::Attrs& attrs, const ir::Shape& q, const ir::Shape& k, const ir::Shape& v, const ir::Shape* past) {
  require(q.size() == k.size() && q.size() == v.size() && (q.size() == 3 || q.size() == 4),
          "Q, K and V of rank 3 or 4 are expected");
  Heads h{};
  h.flat = q.size() == 3;
  h.batch = q[0];
  h.heads = h.flat ? attrs.integer("q_num_heads") : q[1];
  h.kv_heads = h.flat ? attrs.integer("kv_num_heads") : k[1];
  require(h.heads > 0 && h.kv_heads > 0 && h.heads % h.kv_heads == 0,
          fmt::format("{} query heads and {} key heads found, expected a multiple", h.heads, h.kv_heads));
  h.queries = h.flat ? q[1] : q[2];
  h.keys = h.flat ? k[1] : k[2];
  h.width = h.flat ? q[2] / h.heads : q[3];
  h.value_width = h.flat ? v[2] / h.kv_heads : v[3];
  require(past == nullptr || past->size() == 4, "past_key of rank 4 is expected");
  h.past = past == nullptr ? 0 : past->at(2);
  const ir::Shape k_wanted =
      h.flat ? ir::Shape{h.batch, h.keys, h.kv_heads * h.width} : ir::Shape{h.batch, h.kv_heads, h.keys, h.width};
  const ir::Shape v_wanted = h.flat ? ir::Shape{h.batch, h.keys, h.kv_heads * h.value_width}
                                    : ir::Shape{h.batch, h.kv_heads, h.keys, h.value_width};
  require(k == k_wanted && v == v_wanted && (!h.flat || q[2] == h.heads * h.width),
          fmt::format("Q {}, K {} and V {} do not fit together", to_string(q), to_string(k), to_string(v)));
  return h;
}

std::vector<OutputSpec> infer_attention(const InferContext& c) {
  require(c.has(4) == c.has(5), "past_key and past_value belong together");
  const Heads h =
      heads_of(c.attrs, c.inputs[0].shape, c.inputs[1].shape, c.inputs[2].shape, c.has(4) ? &c.inputs[4].shape : nullptr);
  require(!c.has(4) || (c.inputs[4].shape == ir::Shape{h.batch, h.kv_heads, h.past, h.width} &&
                        c.inputs[5].shape == ir::Shape{h.batch, h.kv_heads, h.past, h.value_width}),
          "past_key or past_value does not fit K and V");
  if (c.has(3)) {
    ir::Shape mask = c.inputs[3].shape;
    require(!mask.empty() && mask.size() <= 4 && mask.back() <= h.total(),
            fmt::format("attn_mask {} found", to_string(mask)));
    mask.back() = h.total();
    const ir::Shape scores = {h.batch, h.heads, h.queries, h.total()};
    require(broadcast(mask, scores) == scores,
            fmt::format("attn_mask {} found for scores {}", to_string(c.inputs[3].shape), to_string(scores)));
  }
  require(!c.has(6) || c.inputs[6].shape == ir::Shape{h.batch}, "nonpad_kv_seqlen must have one value per sample");
  const DType dtype = c.inputs[0].dtype;
  return {{dtype, h.flat ? ir::Shape{h.batch, h.queries, h.heads * h.value_width}
                         : ir::Shape{h.batch, h.heads, h.queries, h.value_width}},
          {c.inputs[1].dtype, {h.batch, h.kv_heads, h.total(), h.width}},
          {c.inputs[2].dtype, {h.batch, h.kv_heads, h.total(), h.value_width}},
          {dtype, {h.batch, h.heads, h.queries, h.total()}}};
}

/// [batch, heads, past + length, width] from a past in that layout and a tensor with heads apart or side by side.
std::vector<double> joined(const ir::Tensor* past, const ir::Tensor& now, const Heads& h, std::int64_t heads,
                           std::int64_t length, std::int64_t width, std::int64_t past_length) {
  const auto old = past == nullptr ? std::vector<double>{} : to_doubles(*past), fresh = to_doubles(now);
  std::vector<double> out;
  for (std::int64_t b = 0; b < h.batch; ++b)
    for (std::int64_t n = 0; n < heads; ++n) {
      const auto from = old.begin() + (b * heads + n) * past_length * width;
      if (past != nullptr) out.insert(out.end(), from, from + past_length * width);
      for (std::int64_t i = 0; i < length; ++i) {
        const auto row =
            fresh.begin() + (h.flat ? ((b * length + i) * heads + n) * width : ((b * heads + n) * length + i) * width);
        out.insert(out.end(), row, row + width);
      }
    }
  return out;
}

/// What is added to the score of query i and key j.
class Bias {
 public:
  Bias(const EvalContext& c, const Heads& h) : past_(h.past), queries_(h.queries), cached_(c.has(6) && !c.has(4)) {
    causal_ = c.attrs.integer("is_causal") != 0;
    left_ = c.attrs.integer("left_window_size", -1);
    right_ = c.attrs.integer("right_window_size", -1);
    if (c.has(6)) lengths_ = c.inputs[6].to_int64s();
    if (!c.has(3)) return;
    values_ = to_doubles(c.inputs[3]);
    if (c.inputs[3].dtype() == DType::Bool)
      for (auto& v : values_) v = v != 0 ? 0 : kMinusInfinity;
    length_ = c.inputs[3].shape().back();
    ir::Shape scores = {h.batch, h.heads, h.queries, length_};
    strides_ = broadcast_strides(c.inputs[3].shape(), scores);
  }
  double at(std::int64_t b, std::int64_t n, std::int64_t i, std::int64_t j) const {
    const auto batch = static_cast<std::size_t>(b);
    const std::int64_t place = i + (cached_ ? lengths_[batch] - queries_ : past_);
    if (causal_ && j > place) return kMinusInfinity;
    if ((left_ >= 0 && j < place - left_) || (right_ >= 0 && j > place + right_)) return kMinusInfinity;
    if (!lengths_.empty() && j >= lengths_[batch]) return kMinusInfinity;
    if (values_.empty()) return 0;
    if (j >= length_) return kMinusInfinity;
    return values_[static_cast<std::size_t>(b * strides_[0] + n * strides_[1] + i * strides_[2] + j * strides_[3])];
  }

 private:
  std::int64_t past_, queries_, left_ = -1, right_ = -1, length_ = 0;
  bool cached_, causal_ = false;
  std::vector<std::int64_t> lengths_;
  std::vector<double> values_;
  Strides strides_;
};

void softmax(std::vector<double>& row, const std::vector<double>& bias) {
  if (*std::max_element(bias.begin(), bias.end()) == kMinusInfinity) return std::fill(row.begin(), row.end(), 0.0);
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (auto& v : row) sum += v = top == kMinusInfinity ? 0 : std::exp(v - top);
  for (auto& v : row) v /= sum == 0 ? 1 : sum;
}

struct Operands {
  std::vector<double> q, k, v;
  double scale, softcap;
  std::int64_t mode;
};

void attend(const Operands& o, const Heads& h, const Bias& bias, std::vector<double>& y, std::vector<double>& scores) {
  std::vector<double> row(static_cast<std::size_t>(h.total())), added(row.size());
  for (std::int64_t b = 0; b < h.batch; ++b)
    for (std::int64_t n = 0; n < h.heads; ++n) {
      const std::int64_t kv = b * h.kv_heads + n / (h.heads / h.kv_heads);
      for (std::int64_t i = 0; i < h.queries; ++i) {
        const double* q = o.q.data() + ((b * h.heads + n) * h.queries + i) * h.width;
        const auto seen = scores.begin() + ((b * h.heads + n) * h.queries + i) * h.total();
        const auto show = [&](std::int64_t mode) {
          if (o.mode == mode) std::copy(row.begin(), row.end(), seen);
        };
        for (std::int64_t j = 0; j < h.total(); ++j) {
          const double* k = o.k.data() + (kv * h.total() + j) * h.width;
          double sum = 0;
          for (std::int64_t d = 0; d < h.width; ++d) sum += q[d] * k[d];
          row[static_cast<std::size_t>(j)] = sum * o.scale;
          added[static_cast<std::size_t>(j)] = bias.at(b, n, i, j);
        }
        show(0);
        if (o.softcap > 0)
          for (auto& s : row) s = o.softcap * std::tanh(s / o.softcap);
        show(1);
        std::transform(row.begin(), row.end(), added.begin(), row.begin(), std::plus<>{});
        show(2);
        if (!row.empty()) softmax(row, added);
        show(3);
        double* to =
            y.data() + (h.flat ? (b * h.queries + i) * h.heads + n : (b * h.heads + n) * h.queries + i) * h.value_width;
        for (std::int64_t j = 0; j < h.total(); ++j)
          for (std::int64_t d = 0; d < h.value_width; ++d)
            to[d] +=
                row[static_cast<std::size_t>(j)] * o.v[static_cast<std::size_t>((kv * h.total() + j) * h.value_width + d)];
      }
    }
}

void eval_attention(const EvalContext& c) {
  const auto* past = c.has(4) ? &c.inputs[4] : nullptr;
  const Heads h = heads_of(c.attrs, c.inputs[0].shape(), c.inputs[1].shape(), c.inputs[2].shape(),
                           past == nullptr ? nullptr : &past->shape());
  Operands o{joined(nullptr, c.inputs[0], h, h.heads, h.queries, h.width, 0),
             joined(past, c.inputs[1], h, h.kv_heads, h.keys, h.width, h.past),
             joined(c.has(5) ? &c.inputs[5] : nullptr, c.inputs[2], h, h.kv_heads, h.keys, h.value_width, h.past),
             1 / std::sqrt(static_cast<double>(h.width)),
             static_cast<double>(c.attrs.real("softcap", 0)),
             c.attrs.integer("qk_matmul_output_mode")};
  if (c.attrs.has("scale")) o.scale = static_cast<double>(c.attrs.real("scale"));
  std::vector<double> y(static_cast<std::size_t>(c.outputs[0].count()), 0.0),
      scores(static_cast<std::size_t>(c.outputs[3].count()));
  attend(o, h, Bias(c, h), y, scores);
  from_doubles(y, c.outputs[0]);
  from_doubles(o.k, c.outputs[1]);
  from_doubles(o.v, c.outputs[2]);
  from_doubles(scores, c.outputs[3]);
}

struct Rotation {
  std::int64_t batch, steps, heads, width, rotated;
  bool apart;  ///< [batch, heads, steps, width] rather than [batch, steps, heads * width]
  std::int64_t at(std::int64_t b, std::int64_t s, std::int64_t n) const noexcept {
    return (apart ? (b * heads + n) * steps + s : (b * steps + s) * heads + n) * width;
  }
};

Rotation rotation_of(const ir::Attrs& attrs, const ir::Shape& x) {
  require(x.size() == 3 || x.size() == 4, fmt::format("input {} found, expected rank 3 or 4", to_string(x)));
  Rotation r{};
  r.apart = x.size() == 4;
  r.batch = x[0];
  r.steps = r.apart ? x[2] : x[1];
  r.heads = r.apart ? x[1] : attrs.integer("num_heads");
  require(r.heads > 0 && (r.apart || x[2] % r.heads == 0),
          fmt::format("num_heads {} found for an input {}", r.heads, to_string(x)));
  r.width = r.apart ? x[3] : x[2] / r.heads;
  r.rotated = attrs.integer("rotary_embedding_dim");
  if (r.rotated == 0) r.rotated = r.width;
  require(r.rotated > 0 && r.rotated <= r.width && r.rotated % 2 == 0,
          fmt::format("rotary_embedding_dim {} found for heads of {}", r.rotated, r.width));
  return r;
}

std::vector<OutputSpec> infer_rotary(const InferContext& c) {
  const Rotation r = rotation_of(c.attrs, c.inputs[0].shape);
  const auto &cosines = c.inputs[1].shape, &sines = c.inputs[2].shape;
  require(cosines == sines && !cosines.empty() && cosines.back() == r.rotated / 2,
          fmt::format("caches {} and {} found for a rotation of {}", to_string(cosines), to_string(sines), r.rotated));
  if (c.has(3))
    require(cosines.size() == 2 && c.inputs[3].shape == ir::Shape{r.batch, r.steps},
            "position_ids or the caches do not fit the input");
  else
    require(cosines == ir::Shape{r.batch, r.steps, r.rotated / 2},
            "without position_ids the caches have one row per position");
  return infer_same(c);
}

void eval_rotary(const EvalContext& c) {
  const Rotation r = rotation_of(c.attrs, c.inputs[0].shape());
  const auto x = to_doubles(c.inputs[0]), cosines = to_doubles(c.inputs[1]), sines = to_doubles(c.inputs[2]);
  const auto positions = c.has(3) ? c.inputs[3].to_int64s() : std::vector<std::int64_t>{};
  const bool interleaved = c.attrs.integer("interleaved") != 0;
  const std::int64_t half = r.rotated / 2,
                     rows = static_cast<std::int64_t>(cosines.size()) / std::max<std::int64_t>(1, half);
  std::vector<double> y = x;
  for (std::int64_t b = 0; b < r.batch; ++b)
    for (std::int64_t s = 0; s < r.steps; ++s) {
      const std::int64_t row = positions.empty() ? b * r.steps + s : positions[static_cast<std::size_t>(b * r.steps + s)];
      require(row >= 0 && row < rows, fmt::format("position {} found, expected one in [0, {})", row, rows));
      for (std::int64_t n = 0; n < r.heads; ++n)
        for (std::int64_t i = 0; i < half; ++i) {
          const auto first = static_cast<std::size_t>(r.at(b, s, n) + (interleaved ? 2 * i : i));
          const auto second = first + static_cast<std::size_t>(interleaved ? 1 : half),
                     angle = static_cast<std::size_t>(row * half + i);
          y[first] = cosines[angle] * x[first] - sines[angle] * x[second];
          y[second] = sines[angle] * x[first] + cosines[angle] * x[second];
        }
    }
  from_doubles(y, c.outputs[0]);
}

}  // namespace

std::span<const OpInfo> attention_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Attention",
       .min_inputs = 3,
       .max_inputs = 7,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_attention,
       .eval = eval_attention},
      {.name = "RotaryEmbedding",
       .min_inputs = 3,
       .max_inputs = 4,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_rotary,
       .eval = eval_rotary},
  };
  return kRows;
}

}  // namespace inc::ops
