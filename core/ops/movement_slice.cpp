#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/ops/movement.h"

namespace inc::ops {
namespace {

std::size_t axis_of(const ir::Attrs& attrs, const ir::Shape& x, std::int64_t otherwise = 0) {
  return static_cast<std::size_t>(normal_axis(attrs.integer("axis", otherwise), static_cast<int>(x.size())));
}

std::vector<OutputSpec> infer_concat(const InferContext& c) {
  require(c.attrs.has("axis"), "the attribute axis is missing");
  require_same_dtype(c, 0, c.inputs.size());
  ir::Shape shape = c.inputs[0].shape;
  const std::size_t axis = axis_of(c.attrs, shape);
  shape[axis] = 0;
  for (const auto& input : c.inputs) {
    ir::Shape rest = input.shape;
    bool fits = rest.size() == shape.size();
    if (fits) {
      rest[axis] = shape[axis];
      fits = rest == shape;
    }
    require(fits, fmt::format("{} and {} cannot be concatenated along axis {}", to_string(c.inputs[0].shape),
                              to_string(input.shape), axis));
    shape[axis] += input.shape[axis];
  }
  return {{c.inputs[0].dtype, shape}};
}

void eval_concat(const EvalContext& c) {
  View target = whole(c.outputs[0].shape());
  const std::size_t axis = axis_of(c.attrs, c.outputs[0].shape());
  for (const auto& input : c.inputs) {
    copy_view(input, whole(input.shape()), c.outputs[0], target, input.shape());
    target.base += input.shape()[axis] * target.strides[axis];
  }
}

std::vector<OutputSpec> infer_split(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const std::size_t axis = axis_of(c.attrs, x);
  const std::int64_t parts = c.attrs.integer("num_outputs", static_cast<std::int64_t>(c.output_count));
  require(parts > 0 && parts < 1 << 20 && parts >= static_cast<std::int64_t>(c.output_count),
          fmt::format("num_outputs {} found for {} outputs", parts, c.output_count));
  auto lengths = integers_from(c, 1, "split");
  if (lengths.empty()) {
    const std::int64_t chunk = (x[axis] + parts - 1) / parts;
    require(c.attrs.has("num_outputs") || chunk * parts == x[axis],
            fmt::format("axis of {} elements does not split into {} equal parts", x[axis], parts));
    std::int64_t left = x[axis];
    for (std::int64_t i = 0; i < parts; ++i, left -= lengths.back()) lengths.push_back(std::min(chunk, left));
  }
  std::int64_t left = x[axis];
  const bool fits =
      std::all_of(lengths.begin(), lengths.end(), [&](std::int64_t n) { return n >= 0 && n <= left && (left -= n) >= 0; });
  require(fits && left == 0, fmt::format("split {} found for an axis of {} elements", to_string(lengths), x[axis]));
  std::vector<OutputSpec> outputs;
  for (const auto length : lengths) {
    ir::Shape shape = x;
    shape[axis] = length;
    outputs.push_back({c.inputs[0].dtype, shape});
  }
  return outputs;
}

void eval_split(const EvalContext& c) {
  View source = whole(c.inputs[0].shape());
  const std::size_t axis = axis_of(c.attrs, c.inputs[0].shape());
  for (auto& output : c.outputs) {
    copy_view(c.inputs[0], source, output, whole(output.shape()), output.shape());
    source.base += output.shape()[axis] * source.strides[axis];
  }
}

struct SliceRange {
  std::vector<std::int64_t> begin, step;
  ir::Shape shape;
};

template <class Context>
SliceRange slice_of(const Context& c, const ir::Shape& x) {
  const auto starts = integers_from(c, 1, "starts"), ends = integers_from(c, 2, "ends");
  std::vector<std::int64_t> axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = integers_from(c, 3, "axes", axes);
  const auto steps = integers_from(c, 4, "steps", std::vector<std::int64_t>(starts.size(), 1));
  require(ends.size() == starts.size() && axes.size() == starts.size() && steps.size() == starts.size(),
          "starts, ends, axes and steps differ in length");
  normal_axes(axes, static_cast<int>(x.size()));
  SliceRange range{std::vector<std::int64_t>(x.size(), 0), std::vector<std::int64_t>(x.size(), 1), x};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto d = static_cast<std::size_t>(normal_axis(axes[i], static_cast<int>(x.size())));
    const std::int64_t dim = x[d], step = steps[i];
    require(step != 0, "step 0 found, expected a positive or negative one");
    const auto clamp = [&](std::int64_t v, std::int64_t low, std::int64_t high) {
      if (v < 0) v = v < -dim ? low : v + dim;
      return std::clamp(v, low, std::max(low, high));
    };
    const std::int64_t begin = step > 0 ? clamp(starts[i], 0, dim) : clamp(starts[i], 0, dim - 1);
    const std::int64_t end = step > 0 ? clamp(ends[i], 0, dim) : clamp(ends[i], -1, dim - 1);
    const std::int64_t span = step > 0 ? end - begin : begin - end;
    const std::int64_t stride = step > 0                                           ? step
                                : step == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max()
                                                                                   : -step;
    range.begin[d] = begin;
    range.step[d] = step;
    range.shape[d] = span <= 0 || dim == 0 ? 0 : (span - 1) / stride + 1;
  }
  return range;
}

std::vector<OutputSpec> infer_slice(const InferContext& c) {
  return {{c.inputs[0].dtype, slice_of(c, c.inputs[0].shape).shape}};
}

void eval_slice(const EvalContext& c) {
  const auto range = slice_of(c, c.inputs[0].shape());
  View source = whole(c.inputs[0].shape());
  for (std::size_t d = 0; d < range.shape.size(); ++d) {
    source.base += range.begin[d] * source.strides[d];
    source.strides[d] = range.shape[d] > 1 ? source.strides[d] * range.step[d] : 0;
  }
  copy_view(c.inputs[0], source, c.outputs[0], whole(range.shape), range.shape);
}

void eval_trilu(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const bool upper = c.attrs.integer("upper", 1) != 0;
  const std::int64_t rows = x[x.size() - 2], columns = x.back();
  const std::int64_t k = c.has(1) ? std::clamp(c.inputs[1].to_int64s().at(0), -rows, columns) : 0;
  fill_zero(c.outputs[0]);
  for (std::int64_t r = 0; r < c.inputs[0].count() / std::max<std::int64_t>(1, columns); ++r) {
    const std::int64_t edge = std::clamp(r % rows + k + (upper ? 0 : 1), std::int64_t{0}, columns);
    const std::int64_t begin = upper ? edge : 0, end = upper ? columns : edge;
    copy_block(c.inputs[0], r * columns + begin, c.outputs[0], r * columns + begin, end - begin);
  }
}

std::vector<OutputSpec> infer_trilu(const InferContext& c) {
  require(!c.has(1) || ir::element_count(c.inputs[1].shape) == 1, "k must be one value");
  require(c.inputs[0].shape.size() >= 2, "a matrix or a stack of matrices is expected");
  return infer_same(c);
}

std::vector<OutputSpec> infer_reverse_sequence(const InferContext& c) {
  const auto& x = c.inputs[0].shape;
  const std::int64_t batch = c.attrs.integer("batch_axis", 1), time = c.attrs.integer("time_axis", 0);
  require(x.size() >= 2 && batch + time == 1 && batch * time == 0, "batch_axis and time_axis must be 0 and 1");
  require(c.inputs[1].shape == ir::Shape{x[static_cast<std::size_t>(batch)]}, "one length per sequence is expected");
  return infer_same(c);
}

void eval_reverse_sequence(const EvalContext& c) {
  const auto& x = c.inputs[0].shape();
  const auto batch = static_cast<std::size_t>(c.attrs.integer("batch_axis", 1));
  const std::size_t time = 1 - batch;
  const auto lengths = c.inputs[1].to_int64s();
  const std::int64_t block = product(x, 2, static_cast<int>(x.size()));
  const std::int64_t per_batch = batch == 0 ? x[1] * block : block, per_step = batch == 0 ? block : x[1] * block;
  for (std::int64_t b = 0; b < x[batch]; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    require(length >= 0 && length <= x[time], fmt::format("sequence length {} found, expected at most {}", length, x[time]));
    for (std::int64_t t = 0; t < x[time]; ++t) {
      const std::int64_t from = t < length ? length - 1 - t : t;
      copy_block(c.inputs[0], b * per_batch + from * per_step, c.outputs[0], b * per_batch + t * per_step, block);
    }
  }
}

}  // namespace

std::span<const OpInfo> slice_rows() {
  using enum QuantRole;
  static constexpr OpInfo kRows[] = {
      {.name = "Concat",
       .max_inputs = kAnyNumber,
       .quant = SharedInputs,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_concat,
       .eval = eval_concat},
      {.name = "Split",
       .max_inputs = 2,
       .quant = PassThrough,
       .bf16 = Bf16Policy::Infer,
       .value_inputs = 2,
       .infer = infer_split,
       .eval = eval_split},
      {.name = "Slice",
       .max_inputs = 5,
       .quant = PassThrough,
       .bf16 = Bf16Policy::Infer,
       .value_inputs = 0x1e,
       .infer = infer_slice,
       .eval = eval_slice},
      {.name = "Trilu", .max_inputs = 2, .bf16 = Bf16Policy::Infer, .infer = infer_trilu, .eval = eval_trilu},
      {.name = "ReverseSequence",
       .min_inputs = 2,
       .max_inputs = 2,
       .bf16 = Bf16Policy::Infer,
       .infer = infer_reverse_sequence,
       .eval = eval_reverse_sequence},
  };
  return kRows;
}

}  // namespace inc::ops
