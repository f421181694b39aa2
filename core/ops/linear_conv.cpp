#include "core/ops/linear.h"

namespace inc::ops {
namespace {

std::vector<OutputSpec> infer_conv(const InferContext& c) {
  require_same_dtype(c, 0, 4);
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require(!c.has(2) || c.inputs[2].shape == ir::Shape{shape.out_channels}, "the bias has not one value per output channel");
  require(!c.has(3) || c.inputs[3].shape == shape.output, "the residual has not the shape of the output");
  return {{c.inputs[0].dtype, shape.output}};
}

void eval_conv(const EvalContext& c) {
  const auto shape = conv_shape(c.attrs, c.inputs[0].shape(), c.inputs[1].shape());
  const auto weights = widened<double>(c.inputs[1]);
  const std::int64_t in = shape.in_channels * shape.window.input_count(), out = shape.window.output_count();
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const Finish<T> finish(c.attrs);
    const T* bias = c.has(2) ? c.inputs[2].data<T>() : nullptr;
    const T* residual = c.has(3) ? c.inputs[3].data<T>() : nullptr;
    T* y = c.outputs[0].mutable_data<T>();
    const auto load = [&](std::int64_t n, double* image) { widen<double>(c.inputs[0], n * in, in, 0, image); };
    const auto done = [&](std::int64_t n, std::int64_t m, const double* plane) {
      const std::int64_t base = (n * shape.out_channels + m) * out;
      const double shift = bias == nullptr ? 0.0 : static_cast<double>(wide(bias[m]));
      for (std::int64_t i = 0; i < out; ++i)
        y[base + i] = finish(plane[i] + shift + (residual == nullptr ? 0.0 : static_cast<double>(wide(residual[base + i]))));
    };
    convolve<double>(shape, weights.data(), load, done);
  });
}

constexpr OpInfo kConv = {.name = "Conv",
                          .min_inputs = 2,
                          .max_inputs = 3,
                          .weight_input = 1,
                          .bias_input = 2,
                          .channel_axis = 0,
                          .quant = QuantRole::Anchor,
                          .bf16 = Bf16Policy::Allow,
                          .infer = infer_conv,
                          .eval = eval_conv};

}  // namespace

std::span<const OpInfo> conv_rows() {
  static const std::vector<OpInfo> rows = [] {
    OpInfo fused = kConv;
    fused.name = "inc.Conv";
    fused.max_inputs = 4;
    fused.report_as = "Conv";
    fused.supports = epilogue_supported;
    return std::vector<OpInfo>{kConv, fused};
  }();
  return rows;
}

}  // namespace inc::ops
