#include "adaptors/onednn/linear.h"

#include <limits>

#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "core/base/error.h"
#include "core/quant/quantize.h"
#include "kernels/quantize/quantize.h"

namespace inc::onednn {
namespace {

quant::PairOrder pairs_of(const Builder& b, const ir::Node& node, const Anchor& a) {
  if (!node.op.ends_with("Conv")) return quant::pair_order(b.graph(), node);
  const ir::Shape& w = b.shape(a.weight);
  const bool depthwise = w[1] == 1 && w[0] > 1 && w[0] == node.attrs.integer("group", 1);
  return depthwise ? quant::PairOrder::None : quant::PairOrder::Conv;
}

std::string inexact_here(const Builder& b, const ir::Node& node, const Anchor& a) {
  if (has_vnni()) return {};
  if (a.input->scale.dtype == DType::Int8) return "s8 activations are not exact on " + isa_name();
  if (Support s = quant::cannot_saturate(*b.known(a.weights->q), pairs_of(b, node, a)); !s)
    return "weights saturate on " + isa_name() + ": " + s.why_not();
  return {};
}

bool is_dequantize(const Builder& b, ir::ValueId value) {
  const ir::Node* node = value.none() || !b.graph().alive(value) ? nullptr : b.graph().producer(value);
  return node != nullptr && node->op == "DequantizeLinear";
}

}  // namespace

Anchor read_anchor(const Builder& b, const ir::Node& node, int channel_axis) {
  const bool group = node.op.starts_with("inc.");
  Anchor a{node,
           node.input(0),
           node.input(1),
           node.input(2),
           group ? node.input(3) : ir::ValueId{},
           {},
           {},
           {},
           {},
           false,
           b.dtype(node.inputs[0]) == DType::BFloat16,
           {}};
  if (group) a.epilogue = ops::epilogue(node);
  a.sink = quantized_sink(b, node.outputs[0]);
  if (!is_dequantize(b, a.x) || !is_dequantize(b, a.weight)) return a;
  a.input = dequantized(b, a.x);
  a.weights = quantized_weights(b, a.weight, channel_axis, a.note);
  if (!a.input && a.note.empty()) a.note = "the input has no constant scale for the whole tensor";
  a.integer = a.input && a.weights;
  if (a.integer) a.note = inexact_here(b, node, a);
  return a;
}

DType real_type(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Bf16 ? DType::BFloat16 : DType::Float;
}

int constant_floats(Builder& b, const std::vector<float>& values, ir::Shape shape) {
  return b.constant(ir::Tensor::of<float>(std::move(shape), values));
}

ir::ValueId weights_as_floats(Builder& b, const Anchor& a) {
  const ir::Tensor& q = *b.known(a.weights->q);
  return b.add_known(ir::Tensor::of<float>(q.shape(), q.to_floats()));
}

ir::ValueId input_as_floats(Builder& b, const Anchor& a) {
  const ir::ValueId value = b.add_value(DType::Float, b.shape(a.x));
  const int from = b.permuted(a.input->q);
  const int to = b.make(value, like(b.slot(from).desc, DataType::f32, b.shape(a.x)));
  const kernels::Affine8 as{1.0f, a.input->scale.zero_point, a.input->scale.dtype == DType::Int8};
  const std::int64_t count = ir::element_count(b.shape(a.x));
  ir::Node named;
  named.name = a.node.name;
  named.op = "DequantizeLinear";
  b.step(named, "inc:dequantize", {from}, {to},
         [=](Frame& frame) { kernels::dequantize(frame.at(from), frame.as<float>(to), count, as); });
  return value;
}

bool make_steps(Anchor& anchor, const std::function<bool(const Attempt&)>& attempt) {
  std::vector<Arithmetic> ways;
  if (anchor.integer && anchor.note.empty()) ways.push_back(Arithmetic::Int8);
  ways.push_back(anchor.integer ? Arithmetic::Emulated : anchor.bf16 ? Arithmetic::Bf16 : Arithmetic::Fp32);
  for (const Arithmetic arithmetic : ways) {
    if (anchor.integer && arithmetic == Arithmetic::Emulated && anchor.note.empty())
      anchor.note = "oneDNN has no fast integer kernel for this form";
    const bool last = arithmetic != Arithmetic::Int8 && arithmetic != Arithmetic::Bf16;
    if (attempt({arithmetic, true, false, false}) || attempt({arithmetic, false, false, false})) return true;
    if (attempt({arithmetic, true, last, true})) return true;
  }
  return false;
}

bool multiplies(DType dtype) {
  return dtype == DType::Float || (dtype == DType::BFloat16 && has_bf16());
}

bool is_reference(const dnnl::primitive_desc_base& desc) {
  const std::string_view name = desc.impl_info_str();
  return name.find("ref") != std::string_view::npos;
}

Epilogue::Epilogue(Builder& builder, const Anchor& anchor, const Attempt& attempt)
    : b_(builder),
      a_(anchor),
      arithmetic_(attempt.arithmetic),
      may_sum_(attempt.sum),
      real_output_(attempt.real_output),
      to_(attempt.arithmetic == Arithmetic::Int8 && anchor.sink && !attempt.real_output ? anchor.sink->scale.dtype
                                                                                        : real_type(attempt.arithmetic)) {
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (!a_.residual.none()) choose_residual();
  if (arithmetic_ == Arithmetic::Int8) set_scales();
}

void Epilogue::choose_residual() {
  residual_ = a_.residual;
  if (is_integer(to_) && may_sum_) {
    const auto q = b_.pending_dequantize(residual_) != nullptr ? dequantized(b_, residual_) : std::nullopt;
    if (!q) return;
    residual_ = q->q;
    sum_ = true;
    sum_scale_ = q->scale.scale;
    sum_zero_point_ = q->scale.zero_point;
    return;
  }
  if (is_integer(to_) || !may_sum_) return;
  sum_ = real_output_ || b_.exclusive(residual_, a_.node);
}

void Epilogue::set_scales() {
  const auto argument = [&](int kind, int arg, int slot) { args_.emplace_back(kind | arg, slot); };
  const auto zero_point = [&](int arg, std::int32_t value) {
    if (value == 0) return;
    attr.set_zero_points_mask(arg, 0);
    argument(DNNL_ARG_ATTR_ZERO_POINTS, arg, b_.constant(ir::Tensor::of<std::int32_t>({1}, {value})));
  };
  attr.set_scales_mask(DNNL_ARG_SRC, 0);
  argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_SRC, constant_floats(b_, {a_.input->scale.scale}, {1}));
  zero_point(DNNL_ARG_SRC, a_.input->scale.zero_point);
  const auto& scales = a_.weights->scale;
  argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_WEIGHTS, constant_floats(b_, scales, {static_cast<std::int64_t>(scales.size())}));
  if (to_ == DType::Float) return;
  attr.set_scales_mask(DNNL_ARG_DST, 0);
  argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_DST, constant_floats(b_, {a_.sink->scale.scale}, {1}));
  zero_point(DNNL_ARG_DST, a_.sink->scale.zero_point);
}

void Epilogue::append_binary(dnnl::algorithm algorithm, int slot) {
  operands_.emplace_back(ops_.len(), slot);
  ops_.append_binary(algorithm, b_.slot(slot).desc);
}

void Epilogue::residual(const Desc& desc) {
  if (residual_.none()) return;
  if (sum_) {
    ops_.append_sum(sum_scale_, sum_zero_point_, *data_type(b_.dtype(residual_)));
    return;
  }
  operands_.emplace_back(ops_.len(), -1);
  ops_.append_binary(dnnl::algorithm::binary_add, desc);
}

void Epilogue::activate() {
  using dnnl::algorithm;
  const std::string& name = a_.epilogue.activation;
  const float alpha = a_.epilogue.alpha, beta = a_.epilogue.beta;
  if (name == "none") return;
  if (name == "relu") return ops_.append_eltwise(algorithm::eltwise_relu, 0, 0);
  if (name == "leaky_relu") return ops_.append_eltwise(algorithm::eltwise_relu, alpha, 0);
  if (name == "clip") return ops_.append_eltwise(algorithm::eltwise_clip_v2, alpha, beta);
  if (name == "sigmoid") return ops_.append_eltwise(algorithm::eltwise_logistic, 0, 0);
  if (name == "tanh") return ops_.append_eltwise(algorithm::eltwise_tanh, 0, 0);
  if (name == "gelu") return ops_.append_eltwise(algorithm::eltwise_gelu_erf, 0, 0);
  if (name == "gelu_tanh") return ops_.append_eltwise(algorithm::eltwise_gelu_tanh, 0, 0);
  if (name == "silu") return ops_.append_eltwise(algorithm::eltwise_swish, 1, 0);
  if (name == "hardswish") return ops_.append_eltwise(algorithm::eltwise_hardswish, 1.0f / 6, 0.5f);
  if (name == "hardsigmoid") return ops_.append_eltwise(algorithm::eltwise_hardsigmoid, alpha, beta);
  throw UnsupportedError("node '" + a_.node.name + "': activation '" + name + "' is not supported");
}

int Epilogue::residual_copy(const Desc& desc) {
  const int from = b_.any(residual_);
  const int to = b_.scratch(b_.slot(from).dtype, b_.slot(from).shape, desc);
  const dnnl::reorder::primitive_desc pd(cpu(), b_.slot(from).desc, cpu(), desc);
  ir::Node named;
  named.name = a_.node.name;
  named.op = "Copy";
  b_.primitive(named, pd, dnnl::reorder(pd), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  return to;
}

int Epilogue::destination(const Desc& desc) {
  const ir::Shape& shape = b_.shape(a_.node.outputs[0]);
  if (!sum_) return b_.scratch(to_, shape, desc);
  const Desc held = like(desc, *data_type(b_.dtype(residual_)), shape);
  const Desc wanted = desc.get_data_type() == held.get_data_type() ? desc : held;
  const int input = b_.any(a_.integer ? a_.input->q : a_.x);
  const bool free = b_.exclusive(residual_, a_.node) && b_.slot(b_.any(residual_)).root != b_.slot(input).root;
  const int storage = free ? b_.in(residual_, wanted) : residual_copy(wanted);
  return b_.view(storage, to_, shape, desc);
}

std::vector<std::pair<int, int>> Epilogue::args(const dnnl::primitive_desc_base& desc) {
  std::vector<std::pair<int, int>> result = args_;
  for (const auto& [position, slot] : operands_) {
    const int arg = DNNL_ARG_ATTR_MULTIPLE_POST_OP(position) | DNNL_ARG_SRC_1;
    if (slot >= 0) {
      result.emplace_back(arg, slot);
      continue;
    }
    const Desc wanted = desc.query_md(dnnl::query::exec_arg_md, arg);
    const bool same_rank = wanted.get_ndims() == static_cast<int>(b_.shape(residual_).size());
    result.emplace_back(arg, same_rank ? b_.in(residual_, wanted)
                                       : b_.view(b_.plain(residual_), b_.dtype(residual_), b_.shape(residual_), wanted));
  }
  return result;
}

void finish(Builder& b, const Anchor& a, Arithmetic arithmetic, Step& step, int output) {
  step.profile.precision = arithmetic == Arithmetic::Int8 ? "int8" : arithmetic == Arithmetic::Bf16 ? "bf16" : "fp32";
  step.profile.emulated = arithmetic == Arithmetic::Emulated || (arithmetic == Arithmetic::Fp32 && !a.note.empty());
  if (step.profile.emulated) step.profile.note = a.note;
  if (is_integer(b.slot(output).dtype))
    bind_sink(b, *a.sink, output);
  else
    b.bind(a.node.outputs[0], output);
}

}  // namespace inc::onednn
