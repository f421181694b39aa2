#include <algorithm>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/integer.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/linear.h"

namespace inc::onednn {
namespace {

using Dims = dnnl::memory::dims;

constexpr const char* kWideWeights = "weights minus their zero point need more than 8 bits";

struct Geometry {
  Dims strides, dilations, before, after;
  Dims weight_shape;  // with the group axis when grouped
  ir::Shape in, out;
  std::int64_t groups = 1, channels = 1;
  bool turned = false;  // height and width have changed places: the library's kernels run along the width

  Desc turn(const Desc& desc) const { return turned ? desc.permute_axes({0, 1, 3, 2}) : desc; }
};

void turn(Geometry& g) {
  for (Dims* dims : {&g.strides, &g.dilations, &g.before, &g.after}) std::swap((*dims)[0], (*dims)[1]);
  for (Dims* dims : {&g.weight_shape, &g.in, &g.out}) std::swap((*dims)[dims->size() - 1], (*dims)[dims->size() - 2]);
  g.turned = true;
}

Geometry read_geometry(const Builder& b, const ir::Node& node) {
  const ir::Shape &x = b.shape(node.inputs[0]), &w = b.shape(node.inputs[1]), &y = b.shape(node.outputs[0]);
  const std::size_t rank = x.size() - 2;
  Geometry g;
  g.strides = node.attrs.integers("strides", std::vector<std::int64_t>(rank, 1));
  g.dilations = node.attrs.integers("dilations", std::vector<std::int64_t>(rank, 1));
  const auto pads = node.attrs.integers("pads", std::vector<std::int64_t>(2 * rank, 0));
  const std::string automatic = node.attrs.text("auto_pad", "NOTSET");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t reach = (y[i + 2] - 1) * g.strides[i] + (w[i + 2] - 1) * g.dilations[i] + 1;
    const std::int64_t total = std::max<std::int64_t>(reach - x[i + 2], 0);
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      g.before.push_back(automatic == "SAME_UPPER" ? total / 2 : total - total / 2);
    } else {
      g.before.push_back(automatic == "VALID" ? 0 : pads[i]);
    }
    g.after.push_back(reach - x[i + 2] - g.before[i]);
    g.dilations[i] -= 1;
  }
  g.groups = node.attrs.integer("group", 1);
  g.channels = w[0];
  g.weight_shape = w;
  g.in = x;
  g.out = y;
  if (g.groups > 1) {
    g.weight_shape[0] /= g.groups;
    g.weight_shape.insert(g.weight_shape.begin(), g.groups);
  }
  const bool column = rank == 2 && x[3] == 1 && w[3] == 1 && y[3] == 1 && x[2] > 1;
  if (column && node.input(3).none()) turn(g);
  return g;
}

Dims per_channel(const Builder& b, const Anchor& a, std::int64_t channels) {
  Dims dims(b.shape(a.x).size(), 1);
  dims[1] = channels;
  return dims;
}

/// oneDNN 3.2 reads operands behind the channels that do not fill a vector wrongly: full-size ones always, those of
/// depthwise convolutions even when there is one value per channel.
bool reads_wrongly(const Epilogue& epilogue, const Geometry& g, const dnnl::primitive_desc_base& pd) {
  const bool depthwise_tail = g.groups > 1 && g.groups == g.channels && g.channels % 8 != 0;
  return std::string_view(pd.impl_info_str()).starts_with("jit_uni_int8") &&
         (epilogue.has_binary_residual() || (epilogue.has_factors() && depthwise_tail));
}

using Pd = dnnl::convolution_forward::primitive_desc;

/// The fastest the library has for this group; channels stay innermost between FP32 convolutions where its kernels are
/// made for that.
Pd choose(const Geometry& g, const Attempt& attempt, DataType from, DataType weight, DataType to,
          std::optional<DataType> bias_type, const dnnl::primitive_attr& attr) {
  const Desc src = any_desc(from, g.in), weights = any_desc(weight, g.weight_shape),
             bias({g.channels}, bias_type.value_or(DataType::f32), Tag::a);
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto ask = [&](const Desc& dst) {
    return bias_type
               ? Pd(cpu(), kind, direct, src, weights, bias, dst, g.strides, g.dilations, g.before, g.after, attr, true)
               : Pd(cpu(), kind, direct, src, weights, dst, g.strides, g.dilations, g.before, g.after, attr, true);
  };
  if (attempt.arithmetic != Arithmetic::Int8 && isa_name().starts_with("avx512"))
    if (Pd pd = ask(channels_last_desc(attempt.apart ? DType::Float : real_type(attempt.arithmetic), g.out));
        pd && std::string_view(pd.impl_info_str()).find("ref") == std::string_view::npos)
      return pd;
  Pd pd = ask(any_desc(to, g.out));
  return pd && (attempt.reference || !is_reference(pd)) ? pd : Pd();
}

bool convolve(Builder& b, const Anchor& a, const Geometry& g, const Attempt& attempt) {
  const Arithmetic arithmetic = attempt.arithmetic;
  const bool int8 = arithmetic == Arithmetic::Int8, emulated = arithmetic == Arithmetic::Emulated;
  Epilogue epilogue(b, a, attempt);
  if (int8) epilogue.attr.set_scales_mask(DNNL_ARG_WEIGHTS, a.weights->scale.size() == 1 ? 0 : g.groups > 1 ? 3 : 1);
  if (emulated) {
    epilogue.scale_sums(per_channel(b, a, g.channels));
    if (!a.bias.none()) epilogue.add(b.view(b.plain(a.bias), DType::Float, per_channel(b, a, g.channels)));
  }
  const DType real = real_type(arithmetic);
  epilogue.residual(any_desc(*data_type(real), g.out));
  epilogue.activate();
  if (!epilogue.multiply_factors(per_channel(b, a, g.channels))) return false;
  epilogue.seal();

  const DType to = epilogue.destination_type();
  const bool biased = !a.bias.none() && !emulated;
  const Pd pd = choose(g, attempt, *data_type(int8 ? a.input->scale.dtype : real), *data_type(int8 ? DType::Int8 : real),
                       *data_type(to), biased ? data_type(b.dtype(a.bias)) : std::nullopt, epilogue.attr);
  if (!pd || (int8 && reads_wrongly(epilogue, g, pd))) return false;
  const auto dense = static_cast<std::size_t>(ir::element_count(g.out)) * sizeof(float);
  if (attempt.apart && pd.dst_desc().get_size() != dense) return false;

  const ir::ValueId x = int8 ? a.input->q : emulated ? input_as_floats(b, a) : a.x;
  const ir::ValueId w = int8 ? a.weights->q : emulated ? weights_as_floats(b, a) : a.weight;
  const auto turned = [&](int slot, const Desc& desc) {
    return g.turned ? b.view(slot, b.slot(slot).dtype, b.slot(slot).shape, desc) : slot;
  };
  auto args = epilogue.args(pd);
  args.emplace_back(DNNL_ARG_SRC, turned(b.in(x, g.turn(pd.src_desc())), pd.src_desc()));
  args.emplace_back(DNNL_ARG_WEIGHTS, b.packed(w, plain_desc(b.dtype(w), g.weight_shape), pd.weights_desc()));
  if (biased) args.emplace_back(DNNL_ARG_BIAS, b.view(b.plain(a.bias), b.dtype(a.bias), {g.channels}));
  const int output = epilogue.destination(g.turn(pd.dst_desc()));
  args.emplace_back(DNNL_ARG_DST, turned(output, pd.dst_desc()));
  finish(b, a, attempt, b.primitive(a.node, pd, dnnl::convolution_forward(pd), std::move(args)), output);
  return true;
}

/// The group in kernels/integer; data of any rank as rows and columns of pixels.
bool convolve_exactly(Builder& b, Anchor& a, const Geometry& g) {
  if (g.in.size() > 4) return false;
  const bool flat = g.in.size() == 3;
  const ir::Shape& w = b.shape(a.weight);
  const std::int64_t width = w.back(), height = flat ? 1 : w[2];
  IntegerForm form;
  kernels::IntegerShape& s = form.shape;
  s.images = g.in[0], s.channels = g.in[1], s.out_channels = g.channels, s.groups = g.groups;
  s.width = g.in.back(), s.out_width = g.out.back(), s.kernel_width = g.weight_shape.back();
  s.stride_width = g.strides.back(), s.dilation_width = g.dilations.back() + 1, s.left = g.before.back();
  if (!flat) {
    s.height = g.in[2], s.out_height = g.out[2], s.kernel_height = g.weight_shape[g.weight_shape.size() - 2];
    s.stride_height = g.strides[0], s.dilation_height = g.dilations[0] + 1, s.top = g.before[0];
  }
  form.strides = {nullptr, w[1] * height * width, height * width, width, 1, 0};
  form.src = channels_last_desc(a.input->scale.dtype, b.shape(a.x));
  form.dst = channels_last_desc(DType::Float, b.shape(a.node.outputs[0]));
  form.bias = a.bias;
  return emit_integers(b, a, form);
}

bool convolve_integers(Builder& b, const ir::Node& node) {
  const std::size_t rank = b.shape(node.inputs[0]).size();
  if (rank < 3 || rank > 5) return false;
  auto anchor = read_integers(b, node, 0);
  if (!anchor) return false;
  const Geometry geometry = read_geometry(b, node);
  if (anchor->weights->zero_point != 0) anchor->note = kWideWeights;
  if (convolve_exactly(b, *anchor, geometry)) return true;
  return make_steps(*anchor, [&](const Attempt& attempt) { return convolve(b, *anchor, geometry, attempt); });
}

}  // namespace

bool emit_convolution(Builder& b, const ir::Node& node) {
  if (node.op == "ConvInteger") return convolve_integers(b, node);
  if (node.op != "Conv" && node.op != "inc.Conv") return false;
  const std::size_t rank = b.shape(node.inputs[0]).size();
  if (!multiplies(b.dtype(node.inputs[0])) || rank < 3 || rank > 5 || !b.is_known(node.inputs[1])) return false;
  const Geometry geometry = read_geometry(b, node);
  Anchor anchor = read_anchor(b, node, 0);
  if (anchor.integer && anchor.weights->zero_point != 0) anchor.note = kWideWeights;
  if (convolve_exactly(b, anchor, geometry)) return true;
  return make_steps(anchor, [&](const Attempt& attempt) { return convolve(b, anchor, geometry, attempt); });
}

}  // namespace inc::onednn
