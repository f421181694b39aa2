#include <fmt/format.h>

#include <algorithm>

#include "core/ops/movement.h"

namespace inc::ops {
namespace {

Support known_reduction(const ir::Node& node, std::int64_t) {
  const std::string r = node.attrs.text("reduction", "none");
  if (r == "none" || r == "add" || r == "mul" || r == "max" || r == "min") return Support::yes();
  return Support::no(fmt::format("reduction '{}' is not one of none, add, mul, max, min", r));
}

template <class T>
T reduced(const std::string& how, T old, T update) {
  if constexpr (std::is_same_v<T, bool>) {
    return how == "mul" || how == "min" ? old && update : old || update;
  } else {
    const auto a = wide(old), b = wide(update);
    using U = std::conditional_t<std::is_integral_v<T>, std::uint64_t, Wide<T>>;
    if (how == "add") return narrow<T>(static_cast<U>(a) + static_cast<U>(b));
    if (how == "mul") return narrow<T>(static_cast<U>(a) * static_cast<U>(b));
    if (how == "max") return a > b || a != a ? old : update;
    return a < b || a != a ? old : update;
  }
}

/// Writes or folds `count` updates from `from_at` on into the output at `to_at`.
using Write = std::function<void(std::int64_t from_at, std::int64_t to_at, std::int64_t count)>;

Write writer(const EvalContext& c) {
  const std::string how = c.attrs.text("reduction", "none");
  if (how == "none")
    return [&c](std::int64_t from_at, std::int64_t to_at, std::int64_t count) {
      copy_block(c.inputs[2], from_at, c.outputs[0], to_at, count);
    };
  return visit_dtype(c.inputs[0].dtype(), [&](auto tag) -> Write {
    using T = decltype(tag);
    return [how, from = c.inputs[2].data<T>(), to = c.outputs[0].mutable_data<T>()](std::int64_t from_at, std::int64_t to_at,
                                                                                    std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) to[to_at + i] = reduced(how, to[to_at + i], from[from_at + i]);
    };
  });
}

void require_updates(const InferContext& c) {
  require(c.inputs[2].dtype == c.inputs[0].dtype, "data and updates differ in element type");
}

std::vector<OutputSpec> infer_scatter_elements(const InferContext& c) {
  require_updates(c);
  const auto &x = c.inputs[0].shape, &indices = c.inputs[1].shape;
  normal_axis(c.attrs.integer("axis"), static_cast<int>(x.size()));
  require(indices == c.inputs[2].shape && indices.size() == x.size(),
          fmt::format("indices {} and updates {} found for data {}", to_string(indices), to_string(c.inputs[2].shape),
                      to_string(x)));
  const auto axis = static_cast<std::size_t>(normal_axis(c.attrs.integer("axis"), static_cast<int>(x.size())));
  for (std::size_t d = 0; d < x.size(); ++d)
    require(d == axis || indices[d] <= x[d], fmt::format("indices {} found for data {}", to_string(indices), to_string(x)));
  return infer_same(c);
}

void eval_scatter_elements(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const auto axis = static_cast<std::size_t>(normal_axis(c.attrs.integer("axis"), c.inputs[0].rank()));
  const auto indices = checked_indices(c.inputs[1], x[axis]);
  Strides strides = strides_of(x);
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  copy(c.inputs[0], c.outputs[0]);
  const Write write = writer(c);
  for_each_position(c.inputs[1].shape(), {strides}, [&](std::int64_t i, const std::int64_t* at) {
    write(i, at[0] + indices[static_cast<std::size_t>(i)] * step, 1);
  });
}

std::vector<OutputSpec> infer_scatter_nd(const InferContext& c) {
  require_updates(c);
  const auto &x = c.inputs[0].shape, &indices = c.inputs[1].shape;
  require(!indices.empty() && indices.back() >= 0 && indices.back() <= static_cast<std::int64_t>(x.size()),
          fmt::format("indices {} found for data {}", to_string(indices), to_string(x)));
  ir::Shape wanted(indices.begin(), indices.end() - 1);
  wanted.insert(wanted.end(), x.begin() + indices.back(), x.end());
  require(c.inputs[2].shape == wanted,
          fmt::format("updates {} found, expected {}", to_string(c.inputs[2].shape), to_string(wanted)));
  return infer_same(c);
}

void eval_scatter_nd(const EvalContext& c) {
  const auto &x = c.inputs[0].shape(), &shape = c.inputs[1].shape();
  const std::int64_t depth = shape.back(), tuples = product(shape, 0, static_cast<int>(shape.size()) - 1);
  const std::int64_t block = product(x, static_cast<int>(depth), static_cast<int>(x.size()));
  const auto indices = c.inputs[1].to_int64s();
  const Strides strides = strides_of(x);
  copy(c.inputs[0], c.outputs[0]);
  const Write write = writer(c);
  for (std::int64_t t = 0; t < tuples; ++t) {
    std::int64_t to = 0;
    for (std::int64_t k = 0; k < depth; ++k) {
      const auto d = static_cast<std::size_t>(k);
      const std::int64_t i = indices[static_cast<std::size_t>(t * depth + k)];
      require(i >= -x[d] && i < x[d], fmt::format("index {} found, expected one in [{}, {})", i, -x[d], x[d]));
      to += (i < 0 ? i + x[d] : i) * strides[d];
    }
    write(t * block, to, block);
  }
}

struct CacheAxes {
  std::size_t axis;
  std::int64_t outer, length, steps, inner;
};

CacheAxes cache_axes(const ir::Attrs& attrs, const ir::Shape& cache, const ir::Shape& update) {
  const int axis = normal_axis(attrs.integer("axis", -2), static_cast<int>(cache.size()));
  const auto d = static_cast<std::size_t>(axis);
  ir::Shape rest = update;
  require(axis > 0 && update.size() == cache.size() && update[d] <= cache[d],
          fmt::format("update {} found for a cache {}", to_string(update), to_string(cache)));
  rest[d] = cache[d];
  require(rest == cache, fmt::format("update {} found for a cache {}", to_string(update), to_string(cache)));
  const AxisView view(cache, axis);
  return {d, view.outer, view.length, update[d], view.inner};
}

std::vector<OutputSpec> infer_tensor_scatter(const InferContext& c) {
  require(c.inputs[1].dtype == c.inputs[0].dtype, "cache and update differ in element type");
  cache_axes(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require(!c.has(2) || c.inputs[2].shape == ir::Shape{c.inputs[0].shape[0]}, "one write index per sample is expected");
  return infer_same(c);
}

void eval_tensor_scatter(const EvalContext& c) {
  const auto& cache = c.inputs[0].shape();
  const CacheAxes a = cache_axes(c.attrs, cache, c.inputs[1].shape());
  const bool circular = c.attrs.text("mode", "linear") == "circular";
  const auto starts = c.has(2) ? c.inputs[2].to_int64s() : std::vector<std::int64_t>(static_cast<std::size_t>(cache[0]), 0);
  copy(c.inputs[0], c.outputs[0]);
  for (std::int64_t o = 0; o < a.outer; ++o)
    for (std::int64_t s = 0; s < a.steps; ++s) {
      std::int64_t to = starts.at(static_cast<std::size_t>(o / (a.outer / cache[0]))) + s;
      if (circular) to %= a.length;
      require(to >= 0 && to < a.length, fmt::format("write index {} found, expected one in [0, {})", to, a.length));
      copy_block(c.inputs[1], (o * a.steps + s) * a.inner, c.outputs[0], (o * a.length + to) * a.inner, a.inner);
    }
}

}  // namespace

std::span<const OpInfo> scatter_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "ScatterElements",
       .min_inputs = 3,
       .max_inputs = 3,
       .infer = infer_scatter_elements,
       .eval = eval_scatter_elements,
       .supports = known_reduction},
      {.name = "ScatterND",
       .min_inputs = 3,
       .max_inputs = 3,
       .infer = infer_scatter_nd,
       .eval = eval_scatter_nd,
       .supports = known_reduction},
      {.name = "TensorScatter",
       .min_inputs = 2,
       .max_inputs = 3,
       .infer = infer_tensor_scatter,
       .eval = eval_tensor_scatter},
  };
  return kRows;
}

}  // namespace inc::ops
