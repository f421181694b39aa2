#include <fmt/format.h>

#include "core/ops/quantization.h"
#include "core/ops/window.h"

namespace inc::ops {
namespace {

using Word = std::uint64_t;

/// One value for all, or one per row (of a left operand) or column (of a right operand).
ir::Shape spread(const ir::Shape& parameter, bool per_row) {
  ir::Shape shape = parameter;
  if (shape.size() == 1 && shape[0] == 1) return {};
  if (shape.size() == 1 && per_row) shape.push_back(1);
  return shape;
}

const ir::Tensor* optional(const EvalContext& c, std::size_t input) {
  return c.has(input) ? &c.inputs[input] : nullptr;
}

/// tensor - zero_point, with the zero point broadcast from `as`.
std::vector<Word> centered(const ir::Tensor& tensor, const ir::Tensor* zero_point, const ir::Shape& as) {
  auto out = widened<Word>(tensor);
  if (zero_point == nullptr) return out;
  const auto zeros = widened<Word>(*zero_point);
  for_each_position(tensor.shape(), {broadcast_strides(as, tensor.shape())}, [&](std::int64_t i, const std::int64_t* at) {
    out[static_cast<std::size_t>(i)] -= zeros[static_cast<std::size_t>(at[0])];
  });
  return out;
}

void require_quantized(const InferContext& c, std::initializer_list<std::size_t> inputs) {
  for (const auto input : inputs)
    if (c.has(input)) visit_quantized(c.inputs[input].dtype, [](auto) {});
}

void require_scalar(const InferContext& c, std::size_t input) {
  require(!c.has(input) || ir::element_count(c.inputs[input].shape) == 1, fmt::format("input {} must be one value", input));
}

void require_per_channel(const InferContext& c, std::size_t input, std::int64_t channels) {
  if (!c.has(input)) return;
  const auto& shape = c.inputs[input].shape;
  require(ir::element_count(shape) == 1 || shape == ir::Shape{channels},
          fmt::format("input {} of shape {} found, expected one value or {}", input, to_string(shape), channels));
}

ir::Shape per_channel(const ir::Tensor* parameter, std::size_t rank) {
  if (parameter == nullptr || parameter->count() == 1) return {};
  ir::Shape shape(rank, 1);
  shape[0] = parameter->count();
  return shape;
}

/// Calls done(n, m, plane) with the exact sums of a convolution over integers.
void convolve_integers(const EvalContext& c, const ConvShape& shape, std::size_t x, std::size_t x_zero, std::size_t w,
                       std::size_t w_zero, const std::function<void(std::int64_t, std::int64_t, const Word*)>& done) {
  const auto weights = centered(c.inputs[w], optional(c, w_zero), per_channel(optional(c, w_zero), shape.output.size()));
  const Word zero = c.has(x_zero) ? widened<Word>(c.inputs[x_zero]).at(0) : 0;
  const std::int64_t count = shape.in_channels * shape.window.input_count();
  convolve<Word>(
      shape, weights.data(), [&](std::int64_t n, Word* image) { widen<Word>(c.inputs[x], n * count, count, zero, image); },
      done);
}

std::vector<OutputSpec> infer_conv_integer(const InferContext& c) {
  require_quantized(c, {0, 1, 2, 3});
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require_scalar(c, 2);
  require_per_channel(c, 3, shape.out_channels);
  return {{DType::Int32, shape.output}};
}

void eval_conv_integer(const EvalContext& c) {
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape(), c.inputs[1].shape());
  const std::int64_t out = shape.window.output_count();
  std::int32_t* y = c.outputs[0].mutable_data<std::int32_t>();
  convolve_integers(c, shape, 0, 2, 1, 3, [&](std::int64_t n, std::int64_t m, const Word* plane) {
    for (std::int64_t i = 0; i < out; ++i) y[(n * shape.out_channels + m) * out + i] = static_cast<std::int32_t>(plane[i]);
  });
}

std::vector<OutputSpec> infer_qlinear_conv(const InferContext& c) {
  require_quantized(c, {0, 2, 3, 5, 7, 8});
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape, c.inputs[3].shape);
  for (const std::size_t input : {1, 2, 6, 7}) require_scalar(c, input);
  require_per_channel(c, 4, shape.out_channels);
  require_per_channel(c, 5, shape.out_channels);
  require(!c.has(8) || c.inputs[8].shape == ir::Shape{shape.out_channels}, "the bias has not one value per output channel");
  require(c.inputs[2].dtype == c.inputs[0].dtype && c.inputs[5].dtype == c.inputs[3].dtype,
          "a zero point differs in element type");
  return {{c.inputs[7].dtype, shape.output}};
}

void eval_qlinear_conv(const EvalContext& c) {
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape(), c.inputs[3].shape());
  const std::int64_t out = shape.window.output_count();
  const auto w_scales = c.inputs[4].to_floats();
  const float x_scale = c.inputs[1].to_floats().at(0), y_scale = c.inputs[6].to_floats().at(0);
  const auto bias =
      c.has(8) ? c.inputs[8].to_int64s() : std::vector<std::int64_t>(static_cast<std::size_t>(shape.out_channels), 0);
  visit_quantized(c.outputs[0].dtype(), [&](auto tag) {
    using Q = decltype(tag);
    Q* y = c.outputs[0].mutable_data<Q>();
    const Q zero = *c.inputs[7].data<Q>();
    convolve_integers(c, shape, 0, 2, 3, 5, [&](std::int64_t n, std::int64_t m, const Word* plane) {
      const auto channel = static_cast<std::size_t>(m);
      const float scale = x_scale * w_scales[w_scales.size() == 1 ? 0 : channel] / y_scale;
      for (std::int64_t i = 0; i < out; ++i) {
        const auto sum = static_cast<std::int64_t>(plane[i]) + bias[channel];
        y[(n * shape.out_channels + m) * out + i] =
            saturated<Q>(static_cast<double>(sum) * static_cast<double>(scale), zero);
      }
    });
  });
}

/// Calls done(output index, sum) for the exact sums of a matrix product over integers.
void multiply_integers(const EvalContext& c, std::size_t a, std::size_t a_zero, std::size_t b, std::size_t b_zero,
                       const std::function<void(std::int64_t, std::int64_t)>& done) {
  const auto s = matmul_shape(c.inputs[a].shape(), c.inputs[b].shape());
  const auto left =
      centered(c.inputs[a], optional(c, a_zero), c.has(a_zero) ? spread(c.inputs[a_zero].shape(), true) : ir::Shape{});
  const auto right =
      centered(c.inputs[b], optional(c, b_zero), c.has(b_zero) ? spread(c.inputs[b_zero].shape(), false) : ir::Shape{});
  for (std::size_t i = 0; i < s.a_batch.size(); ++i)
    multiply<Word>(s.m, s.k, s.n, left.data() + s.a_batch[i] * s.m * s.k, right.data() + s.b_batch[i] * s.k * s.n,
                   [&](std::int64_t row, const Word* sums) {
                     const std::int64_t base = (static_cast<std::int64_t>(i) * s.m + row) * s.n;
                     for (std::int64_t j = 0; j < s.n; ++j) done(base + j, static_cast<std::int64_t>(sums[j]));
                   });
}

void require_spreads(const InferContext& c, std::size_t input, std::size_t over, bool per_row) {
  if (!c.has(input)) return;
  const ir::Shape as = spread(c.inputs[input].shape, per_row);
  const auto& to = c.inputs[over].shape;
  require(as.size() <= to.size() && broadcast(as, to) == to,
          fmt::format("input {} of shape {} does not fit {}", input, to_string(c.inputs[input].shape), to_string(to)));
}

std::vector<OutputSpec> infer_matmul_integer(const InferContext& c) {
  require_quantized(c, {0, 1, 2, 3});
  require_spreads(c, 2, 0, true);
  require_spreads(c, 3, 1, false);
  return {{DType::Int32, matmul_shape(c.inputs[0].shape, c.inputs[1].shape).output}};
}

void eval_matmul_integer(const EvalContext& c) {
  std::int32_t* y = c.outputs[0].mutable_data<std::int32_t>();
  multiply_integers(c, 0, 2, 1, 3,
                    [&](std::int64_t i, std::int64_t sum) { y[i] = static_cast<std::int32_t>(static_cast<Word>(sum)); });
}

std::vector<OutputSpec> infer_qlinear_matmul(const InferContext& c) {
  require_quantized(c, {0, 2, 3, 5, 7});
  for (const std::size_t input : {1, 2}) require_spreads(c, input, 0, true);
  for (const std::size_t input : {4, 5}) require_spreads(c, input, 3, false);
  for (const std::size_t input : {6, 7}) require_scalar(c, input);
  require(c.inputs[2].dtype == c.inputs[0].dtype && c.inputs[5].dtype == c.inputs[3].dtype,
          "a zero point differs in element type");
  return {{c.inputs[7].dtype, matmul_shape(c.inputs[0].shape, c.inputs[3].shape).output}};
}

/// The parameter for every element of the output.
std::vector<float> spread_over(const ir::Tensor& parameter, bool per_row, const ir::Shape& output) {
  const auto values = parameter.to_floats();
  std::vector<float> out;
  for_each_position(output, {broadcast_strides(spread(parameter.shape(), per_row), output)},
                    [&](std::int64_t, const std::int64_t* at) { out.push_back(values[static_cast<std::size_t>(at[0])]); });
  return out;
}

void eval_qlinear_matmul(const EvalContext& c) {
  const auto a_scale = spread_over(c.inputs[1], true, c.outputs[0].shape()),
             b_scale = spread_over(c.inputs[4], false, c.outputs[0].shape());
  const float y_scale = c.inputs[6].to_floats().at(0);
  visit_quantized(c.outputs[0].dtype(), [&](auto tag) {
    using Q = decltype(tag);
    Q* y = c.outputs[0].mutable_data<Q>();
    const Q zero = *c.inputs[7].data<Q>();
    multiply_integers(c, 0, 2, 3, 5, [&](std::int64_t i, std::int64_t sum) {
      const auto at = static_cast<std::size_t>(i);
      const float scale = a_scale[at] * b_scale[at] / y_scale;
      y[i] = saturated<Q>(static_cast<double>(sum) * static_cast<double>(scale), zero);
    });
  });
}

}  // namespace

std::span<const OpInfo> integer_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "ConvInteger",
       .min_inputs = 2,
       .max_inputs = 4,
       .weight_input = 1,
       .channel_axis = 0,
       .infer = infer_conv_integer,
       .eval = eval_conv_integer},
      {.name = "MatMulInteger",
       .min_inputs = 2,
       .max_inputs = 4,
       .weight_input = 1,
       .infer = infer_matmul_integer,
       .eval = eval_matmul_integer},
      {.name = "QLinearConv",
       .min_inputs = 8,
       .max_inputs = 9,
       .weight_input = 3,
       .bias_input = 8,
       .channel_axis = 0,
       .infer = infer_qlinear_conv,
       .eval = eval_qlinear_conv},
      {.name = "QLinearMatMul",
       .min_inputs = 8,
       .max_inputs = 8,
       .weight_input = 3,
       .infer = infer_qlinear_matmul,
       .eval = eval_qlinear_matmul},
  };
  return kRows;
}

}  // namespace inc::ops
