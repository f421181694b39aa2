#include <algorithm>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/qdq.h"
#include "core/base/parallel.h"
#include "kernels/resample/resample.h"

namespace inc::onednn {
namespace {

using Dims = dnnl::memory::dims;

struct Window {
  Dims kernel, strides, dilations, before, after;
  dnnl::algorithm algorithm = dnnl::algorithm::pooling_max;
};

/// Nothing for forms oneDNN does not compute as ONNX defines them.
std::optional<Window> read_window(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &y = b.shape(node.outputs[0]);
  const std::size_t rank = x.size() - 2;
  Window w;
  const bool global = node.op.starts_with("Global");
  const bool average = node.op.ends_with("AveragePool");
  w.kernel = global ? Dims(x.begin() + 2, x.end()) : Dims(node.attrs.integers("kernel_shape"));
  w.strides = node.attrs.integers("strides", Dims(rank, 1));
  w.dilations = node.attrs.integers("dilations", Dims(rank, 1));
  const auto pads = node.attrs.integers("pads", Dims(2 * rank, 0));
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  bool padded = false, overhang = false;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t reach = (y[i + 2] - 1) * w.strides[i] + (w.kernel[i] - 1) * w.dilations[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(reach - x[i + 2], 0);
    const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
    w.before.push_back(same                   ? (automatic == "SAME_UPPER" ? total / 2 : total - total / 2)
                       : automatic == "VALID" ? 0
                                              : pads[i]);
    w.after.push_back(reach - x[i + 2] - w.before[i]);
    overhang = overhang || (!same && automatic != "VALID" && w.after[i] > pads[rank + i]);
    padded = padded || w.before[i] > 0 || w.after[i] > 0;
    w.dilations[i] -= 1;
  }
  if (!average) return w;
  const bool includes = node.attrs.integer("count_include_pad", 0) != 0;
  if (includes && overhang) return std::nullopt;
  w.algorithm =
      includes && padded ? dnnl::algorithm::pooling_avg_include_padding : dnnl::algorithm::pooling_avg_exclude_padding;
  return w;
}

/// Means along one axis of row-major data (LocalResponseNormalization among channels, taken apart): the library's scalar
/// code took 0.43 ms for a window of 5 among 32 channels of 24×24, this 0.01 (Zen 5, AVX512).
bool average_along_one_axis(Builder& b, const ir::Node& node, const Window& w) {
  const ir::Shape &x = b.shape(node.inputs[0]), &y = b.shape(node.outputs[0]);
  const int from = b.any(node.inputs[0]);
  std::size_t axis = 0;
  for (std::size_t i = 2; i < x.size(); ++i) {
    if (w.kernel[i - 2] == 1 && x[i] == y[i] && w.before[i - 2] == 0) continue;
    if (axis != 0) return false;
    axis = i;
  }
  if (axis < 2 || b.dtype(node.inputs[0]) != DType::Float || !is_plain(b.slot(from).desc)) return false;
  const std::size_t at = axis - 2;
  std::vector<std::int64_t> first{0}, index;
  std::vector<float> weight;
  for (std::int64_t i = 0; i < y[axis]; ++i) {
    for (std::int64_t k = 0; k < w.kernel[at]; ++k) {
      const std::int64_t tap = i * w.strides[at] - w.before[at] + k * (w.dilations[at] + 1);
      if (tap >= 0 && tap < x[axis]) index.push_back(tap);
    }
    const std::int64_t inside = static_cast<std::int64_t>(index.size()) - first.back();
    if (inside == 0) return false;
    const bool whole = w.algorithm == dnnl::algorithm::pooling_avg_include_padding;
    weight.resize(index.size(), 1.0f / static_cast<float>(whole ? w.kernel[at] : inside));
    first.push_back(static_cast<std::int64_t>(index.size()));
  }
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < x.size(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : x[i];
  const int to = b.make(node.outputs[0]);
  b.step(node, "inc:resample", {from}, {to}, [=, length = x[axis]](Frame& f) {
    kernels::weigh_slices(f.as<float>(from), f.as<float>(to), outer, length, inner, first, index.data(), weight.data());
  });
  return true;
}

}  // namespace

bool emit_pool(Builder& b, const ir::Node& node) {
  if (emit_global_pool(b, node) || emit_max8(b, node)) return true;
  const bool max = node.op == "MaxPool" || node.op == "GlobalMaxPool";
  if (!max && node.op != "AveragePool" && node.op != "GlobalAveragePool") return false;
  const ir::Shape& shape = b.shape(node.inputs[0]);
  const auto type = data_type(b.dtype(node.inputs[0]));
  const bool indices = node.outputs.size() > 1 && !node.outputs[1].none();
  if (!type || *type == DataType::s32 || (*type == DataType::bf16 && !has_bf16()) || indices || shape.size() < 3 ||
      shape.size() > 5)
    return false;
  const auto window = read_window(b, node);
  if (!window) return false;
  const int here = b.any(node.inputs[0]);
  // The library's fast kernels for integers want channels innermost.
  const bool turn = *type != DataType::f32 && is_plain(b.slot(here).desc);
  const int from = turn ? b.in(node.inputs[0], channels_last_desc(b.dtype(node.inputs[0]), shape)) : here;
  const Desc dst = any_desc(*type, b.shape(node.outputs[0]));
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::pooling_forward::primitive_desc pd(cpu(), dnnl::prop_kind::forward_inference, window->algorithm,
                                                 b.slot(from).desc, dst, window->strides, window->kernel, window->dilations,
                                                 window->before, window->after, attr, true);
  if (!pd) return false;
  const bool slow = std::string_view(pd.impl_info_str()).find("simple") != std::string_view::npos;
  if (!max && slow && average_along_one_axis(b, node, *window)) return true;
  const int to = b.make(node.outputs[0], pd.dst_desc());
  Step& step = b.primitive(node, pd, dnnl::pooling_forward(pd), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
  if (*type != DataType::f32) step.profile.precision = "int8";
  return true;
}

}  // namespace inc::onednn
