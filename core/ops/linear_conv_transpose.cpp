#include <fmt/format.h>

#include <algorithm>

#include "core/base/parallel.h"
#include "core/ops/linear.h"

namespace inc::ops {
namespace {

constexpr std::int64_t kMostExtent = std::int64_t{1} << 40;  ///< of a result, and of what its arithmetic passes through

/// The window of the convolution this one turns around: its input is our output, its output our input.
struct Transposed {
  Window window;
  std::int64_t groups, out_channels;
  ir::Shape output;
};

/// Throws UnsupportedError where the arithmetic of `place` could leave 64 bits.
void expect_small(const Window& w, std::size_t d) {
  const auto product = [](std::int64_t a, std::int64_t b) { return static_cast<double>(a) * static_cast<double>(b); };
  if (product(w.strides[d], w.output[d]) + product(w.kernel[d], w.dilations[d]) > static_cast<double>(kMostExtent))
    throw UnsupportedError(fmt::format("{} elements at stride {} under a kernel of {} at dilation {} are too many",
                                       w.output[d], w.strides[d], w.kernel[d], w.dilations[d]));
}

void place(const ir::Attrs& attrs, Window& w, std::size_t i, std::size_t rank,
           const std::vector<std::int64_t>& output_padding) {
  const std::size_t d = 3 - rank + i;
  const std::string auto_pad = attrs.text("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  const auto pads = spatial_attribute(attrs, "pads", 2 * rank, 0, 0);
  const std::int64_t full = w.strides[d] * (w.output[d] - 1) + output_padding[i] + (w.kernel[d] - 1) * w.dilations[d] + 1;
  if (!same && !attrs.has("output_shape")) {
    w.pads_begin[d] = auto_pad == "VALID" ? 0 : pads[i];
    w.pads_end[d] = auto_pad == "VALID" ? 0 : pads[i + rank];
    w.input[d] = full - w.pads_begin[d] - w.pads_end[d];
    return;
  }
  const auto wanted = attrs.integers("output_shape");
  if (!wanted.empty() && wanted.size() < rank)
    throw ModelError(fmt::format("output_shape {} found for {} axes", to_string(wanted), rank));
  if (!wanted.empty() && (wanted[wanted.size() - rank + i] < 0 || wanted[wanted.size() - rank + i] > kMostExtent))
    throw ModelError(fmt::format("output_shape {} found, expected extents in [0, {}]", to_string(wanted), kMostExtent));
  w.input[d] = wanted.empty() ? w.output[d] * w.strides[d] : wanted[wanted.size() - rank + i];
  const std::int64_t total = std::max<std::int64_t>(0, full - w.input[d]);
  w.pads_begin[d] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
  w.pads_end[d] = total - w.pads_begin[d];
}

Transposed transposed(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w) {
  const std::int64_t groups = attrs.integer("group", 1);
  if (x.size() < 3 || x.size() != w.size() || groups < 1 || groups > std::max<std::int64_t>(1, x[1]) || x[1] != w[0] ||
      x[1] % groups != 0)
    throw ModelError(
        fmt::format("input {} and weight {} do not fit together with {} groups", to_string(x), to_string(w), groups));
  const std::size_t rank = x.size() - 2;
  if (rank > 3) throw UnsupportedError(fmt::format("{} spatial dimensions, at most 3 are supported", rank));
  Transposed t{{}, groups, w[1] * groups, {x[0], w[1] * groups}};
  const auto strides = spatial_attribute(attrs, "strides", rank, 1, 1),
             dilations = spatial_attribute(attrs, "dilations", rank, 1, 1);
  const auto output_padding = spatial_attribute(attrs, "output_padding", rank, 0, 0);
  t.window.rank = static_cast<int>(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t d = 3 - rank + i;
    t.window.output[d] = x[i + 2];
    t.window.kernel[d] = w[i + 2];
    t.window.strides[d] = strides[i];
    t.window.dilations[d] = dilations[i];
    expect_small(t.window, d);
    place(attrs, t.window, i, rank, output_padding);
    if (t.window.input[d] < 0)
      throw ModelError(fmt::format("pads leave {} elements along axis {}", t.window.input[d], i + 2));
    t.output.push_back(t.window.input[d]);
  }
  return t;
}

std::vector<OutputSpec> infer_conv_transpose(const InferContext& c) {
  require_same_dtype(c, 0, 3);
  const auto t = transposed(c.attrs, c.inputs[0].shape, c.inputs[1].shape);
  require(!c.has(2) || c.inputs[2].shape == ir::Shape{t.out_channels}, "the bias has not one value per output channel");
  return {{c.inputs[0].dtype, t.output}};
}

void spread_tap(const Window& w, const Triple& tap, double weight, const double* x, double* image) {
  const auto [d0, d1] = w.inside(0, tap[0]);
  const auto [h0, h1] = w.inside(1, tap[1]);
  const auto [v0, v1] = w.inside(2, tap[2]);
  for (std::int64_t d = d0; d < d1; ++d)
    for (std::int64_t h = h0; h < h1; ++h)
      for (std::int64_t v = v0; v < v1; ++v)
        image[(w.source(0, d, tap[0]) * w.input[1] + w.source(1, h, tap[1])) * w.input[2] + w.source(2, v, tap[2])] +=
            weight * x[(d * w.output[1] + h) * w.output[2] + v];
}

void eval_conv_transpose(const EvalContext& c) {
  const auto& x_shape = c.inputs[0].shape();
  const auto t = transposed(c.attrs, x_shape, c.inputs[1].shape());
  const Window& w = t.window;
  const auto x = to_doubles(c.inputs[0]), weights = to_doubles(c.inputs[1]);
  const std::int64_t per_group = x_shape[1] / t.groups, out_per_group = t.out_channels / t.groups;
  const std::int64_t in = w.output_count(), out = w.input_count(), taps = w.kernel_count();
  visit_float(c.inputs[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* bias = c.has(2) ? c.inputs[2].data<T>() : nullptr;
    T* y = c.outputs[0].mutable_data<T>();
    parallel_for(x_shape[0] * t.out_channels, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> image(static_cast<std::size_t>(out));
      for (std::int64_t p = begin; p < end; ++p) {
        const std::int64_t n = p / t.out_channels, m = p % t.out_channels, group = m / out_per_group;
        std::fill(image.begin(), image.end(), bias == nullptr ? 0.0 : static_cast<double>(wide(bias[m])));
        for (std::int64_t k = group * per_group; k < (group + 1) * per_group; ++k) {
          const double* weight = weights.data() + (k * out_per_group + m % out_per_group) * taps;
          for (std::int64_t tap = 0; tap < taps; ++tap)
            spread_tap(w, {tap / (w.kernel[1] * w.kernel[2]), tap / w.kernel[2] % w.kernel[1], tap % w.kernel[2]},
                       weight[tap], x.data() + (n * x_shape[1] + k) * in, image.data());
        }
        for (std::int64_t i = 0; i < out; ++i) y[p * out + i] = narrow<T>(image[static_cast<std::size_t>(i)]);
      }
    });
  });
}

}  // namespace

std::span<const OpInfo> conv_transpose_rows() {
  static constexpr OpInfo kRows[] = {{.name = "ConvTranspose",
                                      .min_inputs = 2,
                                      .max_inputs = 3,
                                      .weight_input = 1,
                                      .bias_input = 2,
                                      .channel_axis = 1,
                                      .bf16 = Bf16Policy::Allow,
                                      .infer = infer_conv_transpose,
                                      .eval = eval_conv_transpose}};
  return kRows;
}

}  // namespace inc::ops
