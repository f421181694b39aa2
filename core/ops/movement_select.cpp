#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/ops/movement.h"

namespace inc::ops {
namespace {

std::vector<std::int64_t> chosen(const ir::Tensor& condition, std::int64_t limit) {
  std::vector<std::int64_t> out;
  const auto flags = condition.to_int64s();
  for (std::size_t i = 0; i < flags.size() && static_cast<std::int64_t>(i) < limit; ++i)
    if (flags[i] != 0) out.push_back(static_cast<std::int64_t>(i));
  return out;
}

/// Without an axis the tensor is seen flat.
AxisView seen(const ir::Attrs& attrs, const ir::Shape& x) {
  if (!attrs.has("axis")) return AxisView({ir::element_count(x)}, 0);
  return AxisView(x, normal_axis(attrs.integer("axis"), static_cast<int>(x.size())));
}

ir::Shape with_length(const ir::Attrs& attrs, ir::Shape x, std::int64_t length) {
  if (!attrs.has("axis")) return {length};
  x[static_cast<std::size_t>(normal_axis(attrs.integer("axis"), static_cast<int>(x.size())))] = length;
  return x;
}

void take(const ir::Tensor& from, const AxisView& view, const std::vector<std::int64_t>& indices, ir::Tensor& to) {
  std::int64_t at = 0;
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (const auto i : indices) {
      copy_block(from, view.at(o, i, 0), to, at, view.inner);
      at += view.inner;
    }
}

std::vector<OutputSpec> infer_compress(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const auto count = static_cast<std::int64_t>(chosen(known_value(c, 1), seen(c.attrs, x).length).size());
  return {{c.inputs[0].dtype, with_length(c.attrs, x, count)}};
}

void eval_compress(const EvalContext& c) {
  const AxisView view = seen(c.attrs, c.inputs[0].shape());
  take(c.inputs[0], view, chosen(c.inputs[1], view.length), c.outputs[0]);
}

struct Groups {
  std::vector<std::int64_t> first, inverse, counts;  ///< per distinct slice, per slice, per distinct slice
};

template <class T>
int compare(const T* data, const AxisView& v, std::int64_t a, std::int64_t b) {
  for (std::int64_t o = 0; o < v.outer; ++o)
    for (std::int64_t i = 0; i < v.inner; ++i) {
      const auto left = wide(data[v.at(o, a, i)]), right = wide(data[v.at(o, b, i)]);
      if (left < right) return -1;
      if (right < left) return 1;
    }
  return 0;
}

Groups distinct(const ir::Tensor& x, const AxisView& view, bool sorted) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(view.length));
  std::iota(order.begin(), order.end(), 0);
  Groups g;
  g.inverse.resize(order.size());
  visit_dtype(x.dtype(), [&](auto tag) {
    const auto* data = x.data<decltype(tag)>();
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return compare(data, view, a, b) < 0; });
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || compare(data, view, order[i - 1], order[i]) != 0) {
        g.first.push_back(order[i]);
        g.counts.push_back(0);
      }
      g.inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(g.first.size()) - 1;
      ++g.counts.back();
    }
  });
  if (sorted) return g;
  std::vector<std::size_t> by_place(g.first.size());
  std::iota(by_place.begin(), by_place.end(), std::size_t{0});
  std::sort(by_place.begin(), by_place.end(), [&](auto a, auto b) { return g.first[a] < g.first[b]; });
  Groups out;
  std::vector<std::int64_t> rank(g.first.size());
  for (const auto i : by_place) {
    rank[i] = static_cast<std::int64_t>(out.first.size());
    out.first.push_back(g.first[i]);
    out.counts.push_back(g.counts[i]);
  }
  for (const auto i : g.inverse) out.inverse.push_back(rank[static_cast<std::size_t>(i)]);
  return out;
}

std::vector<OutputSpec> infer_unique(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const AxisView view = seen(c.attrs, x);
  const auto n = static_cast<std::int64_t>(distinct(known_value(c, 0), view, true).first.size());
  return {{c.inputs[0].dtype, with_length(c.attrs, x, n)},
          {DType::Int64, {n}},
          {DType::Int64, {view.length}},
          {DType::Int64, {n}}};
}

void eval_unique(const EvalContext& c) {
  const AxisView view = seen(c.attrs, c.inputs[0].shape());
  const Groups g = distinct(c.inputs[0], view, c.attrs.integer("sorted", 1) != 0);
  take(c.inputs[0], view, g.first, c.outputs[0]);
  std::copy(g.first.begin(), g.first.end(), c.outputs[1].mutable_data<std::int64_t>());
  std::copy(g.inverse.begin(), g.inverse.end(), c.outputs[2].mutable_data<std::int64_t>());
  std::copy(g.counts.begin(), g.counts.end(), c.outputs[3].mutable_data<std::int64_t>());
}

struct Box {
  float y1, x1, y2, x2;
  float area() const noexcept { return (y2 - y1) * (x2 - x1); }
};

Box box_at(const float* p, bool centered) {
  if (centered) return {p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  return {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3])};
}

bool overlaps(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1), width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0) return false;
  const float shared = height * width, all = a.area() + b.area() - shared;
  return a.area() > 0 && b.area() > 0 && all > 0 && shared / all > threshold;
}

/// The selected [batch, class, box] triples, flattened.
template <class Input>
std::vector<std::int64_t> suppress(const ir::Attrs& attrs, const Input& input) {
  const ir::Tensor &boxes = *input(0), &scores = *input(1);
  const bool centered = attrs.integer("center_point_box") != 0;
  const std::int64_t limit = input(2) == nullptr ? 0 : input(2)->to_int64s().at(0);
  const float threshold = input(3) == nullptr ? 0.0f : input(3)->to_floats().at(0);
  const bool filtered = input(4) != nullptr;
  const float least = filtered ? input(4)->to_floats().at(0) : 0.0f;
  const std::int64_t classes = scores.shape()[1], count = scores.shape()[2];
  std::vector<std::int64_t> out;
  for (std::int64_t n = 0; n < scores.shape()[0]; ++n)
    for (std::int64_t k = 0; k < classes; ++k) {
      const float* score = scores.data<float>() + (n * classes + k) * count;
      std::vector<std::int64_t> order;
      for (std::int64_t i = 0; i < count; ++i)
        if (!filtered || score[i] > least) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score[a] > score[b]; });
      std::vector<Box> kept;
      for (const auto i : order) {
        if (static_cast<std::int64_t>(kept.size()) >= limit) break;
        const Box box = box_at(boxes.data<float>() + (n * count + i) * 4, centered);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return overlaps(box, other, threshold); }))
          continue;
        kept.push_back(box);
        out.insert(out.end(), {n, k, i});
      }
    }
  return out;
}

std::vector<OutputSpec> infer_suppress(const InferContext& c) {
  const auto &boxes = c.inputs[0].shape, &scores = c.inputs[1].shape;
  require(boxes.size() == 3 && scores.size() == 3 && boxes[2] == 4 && boxes[0] == scores[0] && boxes[1] == scores[2],
          fmt::format("boxes {} and scores {} found, expected [N, boxes, 4] and [N, classes, boxes]", to_string(boxes),
                      to_string(scores)));
  require(c.inputs[0].dtype == DType::Float && c.inputs[1].dtype == DType::Float, "boxes and scores must be float");
  for (std::size_t i = 2; i < 5; ++i)
    require(!c.has(i) || ir::element_count(c.inputs[i].shape) == 1, fmt::format("input {} must be one value", i));
  const auto picked = suppress(c.attrs, [&](std::size_t i) { return c.has(i) ? &known_value(c, i) : nullptr; });
  return {{DType::Int64, {static_cast<std::int64_t>(picked.size()) / 3, 3}}};
}

void eval_suppress(const EvalContext& c) {
  const auto picked = suppress(c.attrs, [&](std::size_t i) { return c.has(i) ? &c.inputs[i] : nullptr; });
  std::copy(picked.begin(), picked.end(), c.outputs[0].mutable_data<std::int64_t>());
}

}  // namespace

std::span<const OpInfo> select_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Compress",
       .min_inputs = 2,
       .max_inputs = 2,
       .value_inputs = 2,
       .infer = infer_compress,
       .eval = eval_compress},
      {.name = "Unique", .value_inputs = 1, .infer = infer_unique, .eval = eval_unique},
      {.name = "NonMaxSuppression",
       .min_inputs = 2,
       .max_inputs = 5,
       .value_inputs = 0x1f,
       .infer = infer_suppress,
       .eval = eval_suppress},
  };
  return kRows;
}

}  // namespace inc::ops
