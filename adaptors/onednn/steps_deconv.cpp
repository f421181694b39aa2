#include <algorithm>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/linear.h"

namespace inc::onednn {
namespace {

using Dims = dnnl::memory::dims;

struct Geometry {
  Dims strides, dilations, before, after;
  Desc weights;  ///< [out, in, …] or [group, out, in, …] as ONNX stores them: in before out
};

Geometry read_geometry(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  const std::size_t rank = x.size() - 2;
  Geometry g;
  g.strides = node.attrs.integers("strides", Dims(rank, 1));
  g.dilations = node.attrs.integers("dilations", Dims(rank, 1));
  const auto pads = node.attrs.integers("pads", Dims(2 * rank, 0)),
             extra = node.attrs.integers("output_padding", Dims(rank, 0));
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  const bool computed = automatic.starts_with("SAME") || node.attrs.has("output_shape");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t reach = (x[i + 2] - 1) * g.strides[i] + (w[i + 2] - 1) * g.dilations[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(0, reach + extra[i] - y[i + 2]);
    const std::int64_t half = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    g.before.push_back(computed ? half : automatic == "VALID" ? 0 : pads[i]);
    g.after.push_back(reach - y[i + 2] - g.before[i]);
    g.dilations[i] -= 1;
  }
  const std::int64_t groups = node.attrs.integer("group", 1), outs = w[1], ins = w[0] / groups;
  Dims dims{outs, ins}, strides{0, 0};
  dims.insert(dims.end(), w.begin() + 2, w.end());
  const Dims taps = row_major_strides(ir::Shape(w.begin() + 2, w.end()));
  strides.insert(strides.end(), taps.begin(), taps.end());
  strides[0] = ir::element_count(ir::Shape(w.begin() + 2, w.end()));
  strides[1] = outs * strides[0];
  if (groups > 1) {
    dims.insert(dims.begin(), groups);
    strides.insert(strides.begin(), ins * strides[1]);
  }
  g.weights = Desc(dims, DataType::f32, strides);
  return g;
}

}  // namespace

bool emit_deconvolution(Builder& b, const ir::Node& node) {
  if (node.op != "ConvTranspose" || b.dtype(node.inputs[0]) != DType::Float || !b.is_known(node.inputs[1])) return false;
  const ir::Shape &in = b.shape(node.inputs[0]), &out = b.shape(node.outputs[0]);
  if (in.size() < 3 || in.size() > 5) return false;
  const Geometry g = read_geometry(b, node);
  const ir::ValueId bias = node.input(2);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const Desc src = any_desc(DataType::f32, in), dst = any_desc(DataType::f32, out),
             weights = any_desc(DataType::f32, g.weights.get_dims()), biases({out[1]}, DataType::f32, Tag::a);
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto direct = dnnl::algorithm::deconvolution_direct;
  using Pd = dnnl::deconvolution_forward::primitive_desc;
  const Pd pd =
      bias.none()
          ? Pd(cpu(), kind, direct, src, weights, dst, g.strides, g.dilations, g.before, g.after, attr, true)
          : Pd(cpu(), kind, direct, src, weights, biases, dst, g.strides, g.dilations, g.before, g.after, attr, true);
  if (!pd || is_reference(pd)) return false;
  std::vector<std::pair<int, int>> args{{DNNL_ARG_SRC, b.in(node.inputs[0], pd.src_desc())},
                                        {DNNL_ARG_WEIGHTS, b.packed(node.inputs[1], g.weights, pd.weights_desc())}};
  if (!bias.none()) args.emplace_back(DNNL_ARG_BIAS, b.view(b.plain(bias), DType::Float, {out[1]}));
  args.emplace_back(DNNL_ARG_DST, b.make(node.outputs[0], pd.dst_desc()));
  b.primitive(node, pd, dnnl::deconvolution_forward(pd), std::move(args));
  return true;
}

}  // namespace inc::onednn
