#include <algorithm>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/qdq.h"
#include "kernels/pool8/pool8.h"

namespace inc::onednn {
namespace {

bool sees_the_image(std::int64_t outputs, std::int64_t stride, std::int64_t before, std::int64_t taps, std::int64_t dilation,
                    std::int64_t size) {
  for (std::int64_t o = 0; o < outputs; ++o) {
    bool any = false;
    for (std::int64_t k = 0; k < taps; ++k) {
      const std::int64_t at = o * stride - before + k * dilation;
      any = any || (at >= 0 && at < size);
    }
    if (!any) return false;
  }
  return true;
}

struct Window {
  kernels::PoolShape shape;
  bool padded = false, overhang = false;  ///< overhang: beyond the padding that was asked for
};

/// Nothing for other than two dimensions, and where a window lies beside the image.
std::optional<Window> read_window(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &y = b.shape(node.outputs[0]);
  if (x.size() != 4) return {};
  const auto kernel = node.attrs.integers("kernel_shape"), strides = node.attrs.integers("strides", {1, 1});
  const auto dilations = node.attrs.integers("dilations", {1, 1}), pads = node.attrs.integers("pads", {0, 0, 0, 0});
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  std::int64_t before[2];
  Window w;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = (y[i + 2] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(reach - x[i + 2], 0);
    const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
    before[i] = same ? (automatic == "SAME_UPPER" ? total / 2 : total - total / 2) : automatic == "VALID" ? 0 : pads[i];
    const std::int64_t after = reach - x[i + 2] - before[i];
    w.overhang = w.overhang || (!same && automatic != "VALID" && after > pads[i + 2]);
    w.padded = w.padded || before[i] > 0 || after > 0;
    if (!sees_the_image(y[i + 2], strides[i], before[i], kernel[i], dilations[i], x[i + 2])) return {};
  }
  w.shape = {x[0],      x[2],       x[3],       x[1],         y[2],         y[3],      kernel[0],
             kernel[1], strides[0], strides[1], dilations[0], dilations[1], before[0], before[1]};
  return w;
}

bool average_all(Builder& b, const ir::Node& node, const Dequantized& in, const Sink& sink) {
  const ir::Shape& shape = b.shape(node.inputs[0]);
  if (shape.size() < 3) return false;
  const int any = b.permuted(in.q);
  const Desc& desc = b.slot(any).desc;
  const bool last = !is_plain(desc) && desc == channels_last_desc(in.scale.dtype, shape);
  const int from = last ? any : b.plain(in.q);
  const std::int64_t area = ir::element_count(shape) / (shape[0] * shape[1]);
  const std::int64_t outer = last ? shape[0] : shape[0] * shape[1], inner = last ? shape[1] : 1;
  const int to = b.scratch(sink.scale.dtype, b.shape(node.outputs[0]));
  const kernels::Affine8 as_in = affine(in.scale), as_out = affine(sink.scale);
  b.step(node, "inc:mean8", {from}, {to}, [=](Frame& f) {
     kernels::mean8(f.at(from), as_in, f.at(to), as_out, outer, area, inner);
   }).profile.precision = "int8";
  bind_sink(b, sink, to);
  return true;
}

}  // namespace

bool emit_max8(Builder& b, const ir::Node& node) {
  const DType type = b.dtype(node.inputs[0]);
  const bool indices = node.outputs.size() > 1 && !node.outputs[1].none();
  if (node.op != "MaxPool" || (type != DType::UInt8 && type != DType::Int8) || indices) return false;
  const auto window = read_window(b, node);
  if (!window) return false;
  const int from = b.in(node.inputs[0], channels_last_desc(type, b.shape(node.inputs[0])));
  const int to = b.make(node.outputs[0], channels_last_desc(type, b.shape(node.outputs[0])));
  b.step(node, "inc:max_pool8", {from}, {to}, [=, shape = window->shape](Frame& f) {
     kernels::max_pool8(f.at(from), f.at(to), shape, type == DType::Int8);
   }).profile.precision = "int8";
  return true;
}

bool emit_average8(Builder& b, const ir::Node& node) {
  const auto in = dequantized(b, node.inputs[0]);
  const auto sink = quantized_sink(b, node.outputs[0]);
  if (!in || !sink) return false;
  if (node.op == "GlobalAveragePool") return average_all(b, node, *in, *sink);
  const auto window = read_window(b, node);
  const bool includes = node.attrs.integer("count_include_pad", 0) != 0;
  if (!window || (includes && window->overhang)) return false;
  const int from = b.in(in->q, channels_last_desc(in->scale.dtype, b.shape(node.inputs[0])));
  const ir::Shape& out = b.shape(node.outputs[0]);
  const int to = b.scratch(sink->scale.dtype, out, channels_last_desc(sink->scale.dtype, out));
  const kernels::Affine8 as_in = affine(in->scale), as_out = affine(sink->scale);
  b.step(node, "inc:average_pool8", {from}, {to}, [=, shape = window->shape](Frame& f) {
     kernels::average_pool8(f.at(from), as_in, f.at(to), as_out, shape, includes);
   }).profile.precision = "int8";
  bind_sink(b, *sink, to);
  return true;
}

}  // namespace inc::onednn
