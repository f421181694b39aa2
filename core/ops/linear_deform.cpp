#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/ops/linear.h"

namespace inc::ops {
namespace {

struct Deformed {
  ConvShape conv;
  std::int64_t offset_groups;
};

Deformed deformed(const ir::Attrs& attrs, const ir::Shape& x, const ir::Shape& w, const ir::Shape& offset) {
  const Deformed d{conv_shape(attrs, x, w), attrs.integer("offset_group", 1)};
  if (x.size() != 4) throw UnsupportedError(fmt::format("input {} found, only [N, C, H, W] is supported", to_string(x)));
  require(d.offset_groups > 0 && d.offset_groups <= x[1] && x[1] % d.offset_groups == 0,
          fmt::format("{} offset groups found for {} channels", d.offset_groups, x[1]));
  ir::Shape wanted = d.conv.output;
  wanted[1] = d.offset_groups * d.conv.window.kernel_count() * 2;
  require(offset == wanted, fmt::format("offset {} found, expected {}", to_string(offset), to_string(wanted)));
  return d;
}

std::vector<OutputSpec> infer_deform(const InferContext& c) {
  const auto d = deformed(c.attrs, c.inputs[0].shape, c.inputs[1].shape, c.inputs[2].shape);
  require(!c.has(3) || c.inputs[3].shape == ir::Shape{d.conv.out_channels}, "the bias has not one value per output channel");
  ir::Shape mask = c.inputs[2].shape;
  mask[1] /= 2;
  require(!c.has(4) || c.inputs[4].shape == mask, "the mask has not one value per offset pair");
  return {{c.inputs[0].dtype, d.conv.output}};
}

double pixel(const double* image, std::int64_t height, std::int64_t width, std::int64_t y, std::int64_t x) {
  return y < 0 || y >= height || x < 0 || x >= width ? 0 : image[y * width + x];
}

double between(const double* image, std::int64_t height, std::int64_t width, double y, double x) {
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return 0;
  const auto top = static_cast<std::int64_t>(std::floor(y)), left = static_cast<std::int64_t>(std::floor(x));
  const double down = y - static_cast<double>(top), across = x - static_cast<double>(left);
  return (1 - down) *
             ((1 - across) * pixel(image, height, width, top, left) + across * pixel(image, height, width, top, left + 1)) +
         down * ((1 - across) * pixel(image, height, width, top + 1, left) +
                 across * pixel(image, height, width, top + 1, left + 1));
}

/// One input channel as its output positions see it through the offsets: [taps, output positions].
std::vector<double> columns(const Window& w, const double* image, const double* offset, const double* mask) {
  const std::int64_t out = w.output_count(), taps = w.kernel_count();
  std::vector<double> seen(static_cast<std::size_t>(taps * out));
  for (std::int64_t tap = 0; tap < taps; ++tap)
    for (std::int64_t i = 0; i < out; ++i) {
      const double y = static_cast<double>(w.source(1, i / w.output[2], tap / w.kernel[2])) + offset[2 * tap * out + i];
      const double x =
          static_cast<double>(w.source(2, i % w.output[2], tap % w.kernel[2])) + offset[(2 * tap + 1) * out + i];
      const double value = between(image, w.input[1], w.input[2], y, x);
      seen[static_cast<std::size_t>(tap * out + i)] = mask == nullptr ? value : value * mask[tap * out + i];
    }
  return seen;
}

void eval_deform(const EvalContext& c) {
  const auto d = deformed(c.attrs, c.inputs[0].shape(), c.inputs[1].shape(), c.inputs[2].shape());
  const Window& w = d.conv.window;
  const auto x = to_doubles(c.inputs[0]), weights = to_doubles(c.inputs[1]), offset = to_doubles(c.inputs[2]);
  const auto bias =
      c.has(3) ? to_doubles(c.inputs[3]) : std::vector<double>(static_cast<std::size_t>(d.conv.out_channels), 0.0);
  const auto mask = c.has(4) ? to_doubles(c.inputs[4]) : std::vector<double>{};
  const std::int64_t in = w.input_count(), out = w.output_count(), taps = w.kernel_count();
  const std::int64_t per_group = d.conv.in_channels / d.conv.groups, out_per_group = d.conv.out_channels / d.conv.groups;
  const std::int64_t per_offset = d.conv.in_channels / d.offset_groups;
  std::vector<double> y(static_cast<std::size_t>(c.outputs[0].count()));
  for (std::int64_t n = 0; n < d.conv.images; ++n) {
    for (std::int64_t m = 0; m < d.conv.out_channels; ++m)
      std::fill_n(y.begin() + (n * d.conv.out_channels + m) * out, out, bias[static_cast<std::size_t>(m)]);
    for (std::int64_t k = 0; k < d.conv.in_channels; ++k) {
      const std::int64_t group = n * d.offset_groups + k / per_offset, first = k / per_group * out_per_group;
      const auto seen = columns(w, x.data() + (n * d.conv.in_channels + k) * in, offset.data() + group * 2 * taps * out,
                                mask.empty() ? nullptr : mask.data() + group * taps * out);
      for (std::int64_t m = first; m < first + out_per_group; ++m)
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          const double weight = weights[static_cast<std::size_t>((m * per_group + k % per_group) * taps + tap)];
          double* to = y.data() + (n * d.conv.out_channels + m) * out;
          for (std::int64_t i = 0; i < out; ++i) to[i] += weight * seen[static_cast<std::size_t>(tap * out + i)];
        }
    }
  }
  from_doubles(y, c.outputs[0]);
}

}  // namespace

std::span<const OpInfo> deform_rows() {
  static constexpr OpInfo kRows[] = {
      {.name = "DeformConv",
       .min_inputs = 3,
       .max_inputs = 5,
       .weight_input = 1,
       .bias_input = 3,
       .channel_axis = 0,
       .infer = infer_deform,
       .eval = eval_deform},
  };
  return kRows;
}

}  // namespace inc::ops
