#include <fmt/format.h>

#include <algorithm>

#include "core/ops/movement.h"

namespace inc::ops {
namespace {

int axis_of(const ir::Attrs& attrs, const ir::Shape& x) {
  return normal_axis(attrs.integer("axis"), static_cast<int>(x.size()));
}

std::vector<OutputSpec> infer_gather(const InferContext& c) {
  const auto &x = c.inputs[0].shape, &indices = c.inputs[1].shape;
  const int axis = axis_of(c.attrs, x);
  ir::Shape shape(x.begin(), x.begin() + axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + axis + 1, x.end());
  return {{c.inputs[0].dtype, shape}};
}

void eval_gather(const EvalContext& c) {
  const AxisView view(c.inputs[0].shape(), axis_of(c.attrs, c.inputs[0].shape()));
  const auto indices = checked_indices(c.inputs[1], view.length);
  std::int64_t to = 0;
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (const auto i : indices) {
      copy_block(c.inputs[0], view.at(o, i, 0), c.outputs[0], to, view.inner);
      to += view.inner;
    }
}

std::vector<OutputSpec> infer_gather_elements(const InferContext& c) {
  const auto &x = c.inputs[0].shape, &indices = c.inputs[1].shape;
  const int axis = axis_of(c.attrs, x);
  bool fits = x.size() == indices.size();
  for (std::size_t d = 0; fits && d < x.size(); ++d) fits = static_cast<int>(d) == axis || indices[d] <= x[d];
  require(fits, fmt::format("indices {} found for data {}", to_string(indices), to_string(x)));
  return {{c.inputs[0].dtype, indices}};
}

void eval_gather_elements(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const auto axis = static_cast<std::size_t>(axis_of(c.attrs, x));
  const auto indices = checked_indices(c.inputs[1], x[axis]);
  Strides strides = strides_of(x);
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  ir::Shape rows = c.inputs[1].shape();
  const std::int64_t columns = rows.back(), along = strides.back();
  rows.pop_back();
  strides.pop_back();
  visit_dtype(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* from = c.inputs[0].data<T>();
    T* to = c.outputs[0].mutable_data<T>();
    for_each_position(rows, {strides}, [&](std::int64_t row, const std::int64_t* at) {
      const std::int64_t* index = indices.data() + row * columns;
      for (std::int64_t i = 0; i < columns; ++i) to[row * columns + i] = from[at[0] + i * along + index[i] * step];
    });
  });
}

std::vector<OutputSpec> infer_gather_nd(const InferContext& c) {
  const auto &x = c.inputs[0].shape, &indices = c.inputs[1].shape;
  const std::int64_t batch = c.attrs.integer("batch_dims");
  require(!indices.empty() && batch >= 0 && batch < static_cast<std::int64_t>(std::min(x.size(), indices.size())),
          fmt::format("batch_dims {} found for data {} and indices {}", batch, to_string(x), to_string(indices)));
  require(std::equal(x.begin(), x.begin() + batch, indices.begin()), "the batch dimensions of data and indices differ");
  const std::int64_t depth = batch + indices.back();
  require(indices.back() >= 0 && depth <= static_cast<std::int64_t>(x.size()),
          fmt::format("index tuples of {} found for data {}", indices.back(), to_string(x)));
  ir::Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), x.begin() + depth, x.end());
  return {{c.inputs[0].dtype, shape}};
}

void eval_gather_nd(const EvalContext& c) {
  const auto &x = c.inputs[0].shape(), &shape = c.inputs[1].shape();
  const auto batch = static_cast<int>(c.attrs.integer("batch_dims"));
  const std::int64_t depth = shape.back();
  const auto indices = c.inputs[1].to_int64s();
  const Strides strides = strides_of(x);
  const std::int64_t batches = product(x, 0, batch), per_batch = product(x, batch, static_cast<int>(x.size()));
  const std::int64_t tuples = product(shape, batch, static_cast<int>(shape.size()) - 1);
  const std::int64_t block = product(x, batch + static_cast<int>(depth), static_cast<int>(x.size()));
  for (std::int64_t b = 0; b < batches; ++b)
    for (std::int64_t t = 0; t < tuples; ++t) {
      std::int64_t from = b * per_batch;
      for (std::int64_t k = 0; k < depth; ++k) {
        const auto d = static_cast<std::size_t>(batch + k);
        const std::int64_t i = indices[static_cast<std::size_t>((b * tuples + t) * depth + k)];
        require(i >= -x[d] && i < x[d], fmt::format("index {} found, expected one in [{}, {})", i, -x[d], x[d]));
        from += (i < 0 ? i + x[d] : i) * strides[d];
      }
      copy_block(c.inputs[0], from, c.outputs[0], (b * tuples + t) * block, block);
    }
}

std::vector<OutputSpec> infer_one_hot(const InferContext& c) {
  const auto depth = known_integers(c, 1);
  require(depth.size() == 1 && depth[0] >= 0, "depth must be one value, at least 0");
  require(c.inputs[2].shape == ir::Shape{2},
          fmt::format("values {} found, expected two of them", to_string(c.inputs[2].shape)));
  ir::Shape shape = c.inputs[0].shape;
  const int axis = normal_axis(c.attrs.integer("axis", -1), static_cast<int>(shape.size()) + 1);
  shape.insert(shape.begin() + axis, depth[0]);
  return {{c.inputs[2].dtype, shape}};
}

void eval_one_hot(const EvalContext& c) {
  const int axis = normal_axis(c.attrs.integer("axis", -1), c.inputs[0].rank() + 1);
  const AxisView view(c.outputs[0].shape(), axis);
  const auto indices = c.inputs[0].to_int64s();
  for (std::int64_t o = 0; o < view.outer; ++o)
    for (std::int64_t i = 0; i < view.inner; ++i) {
      std::int64_t hot = indices[static_cast<std::size_t>(o * view.inner + i)];
      if (hot < 0) hot += view.length;
      for (std::int64_t k = 0; k < view.length; ++k)
        copy_block(c.inputs[2], k == hot ? 1 : 0, c.outputs[0], view.at(o, k, i), 1);
    }
}

}  // namespace

std::span<const OpInfo> gather_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "Gather",
       .min_inputs = 2,
       .max_inputs = 2,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_gather,
       .eval = eval_gather},
      {.name = "GatherElements",
       .min_inputs = 2,
       .max_inputs = 2,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_gather_elements,
       .eval = eval_gather_elements},
      {.name = "GatherND",
       .min_inputs = 2,
       .max_inputs = 2,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_gather_nd,
       .eval = eval_gather_nd},
      {.name = "OneHot", .min_inputs = 3, .max_inputs = 3, .value_inputs = 2, .infer = infer_one_hot, .eval = eval_one_hot},
  };
  return kRows;
}

}  // namespace inc::ops
