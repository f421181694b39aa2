#include "adaptors/onednn/linear.h"

#include <algorithm>
#include <cstdlib>

#include "adaptors/onednn/bf16.h"
#include "adaptors/onednn/emitters.h"
#include "adaptors/onednn/isa.h"
#include "adaptors/onednn/walk.h"
#include "core/base/error.h"
#include "core/quant/quantize.h"
#include "kernels/activate/activate.h"
#include "kernels/isa.h"
#include "kernels/quantize/quantize.h"

namespace inc::onednn {
namespace {

std::string inexact_here(const Builder& b, const ir::Node& node, const Anchor& a) {
  if (has_vnni()) return {};
  if (a.input->scale.dtype == DType::Int8) return "s8 activations are not exact on " + isa_name();
  if (Support s = quant::cannot_saturate(*b.known(a.weights->q), quant::pair_order(node, b.shape(a.weight))); !s)
    return "weights saturate on " + isa_name() + ": " + s.why_not();
  return {};
}

bool is_dequantize(const Builder& b, ir::ValueId value) {
  const ir::Node* node = value.none() || !b.graph().alive(value) ? nullptr : b.graph().producer(value);
  return node != nullptr && node->op == "DequantizeLinear";
}

}  // namespace

Anchor read_anchor(Builder& b, const ir::Node& node, int channel_axis) {
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
           {},
           false,
           b.dtype(node.inputs[0]) == DType::BFloat16,
           false,
           true,
           {},
           {}};
  if (group) a.epilogue = ops::epilogue(node);
  a.factors = only_factors(b, node.outputs[0]);
  const int channels = node.op.ends_with("Conv") ? 1 : static_cast<int>(b.shape(node.outputs[0]).size()) - 1;
  if (a.factors && a.factors->axis >= 0 && a.factors->axis != channels) a.factors.reset();
  a.sink = quantized_sink(b, a.factors ? a.factors->y : node.outputs[0]);
  if (!is_dequantize(b, a.x) || !is_dequantize(b, a.weight)) return a;
  a.input = dequantized(b, a.x);
  if (!a.input) a.input = dequantized_at_run_time(b, a.x);
  a.weights = quantized_weights(b, a.weight, channel_axis, a.note);
  if (!a.input && a.note.empty()) a.note = "the input has more than one scale";
  a.integer = a.input && a.weights;
  if (a.integer && has_bf16()) a.bf16_casts = only_bf16_casts(b, node.outputs[0]);
  if (a.integer) a.note = inexact_here(b, node, a);
  return a;
}

namespace {

/// Sums of u8 activations and these weights stay below 2^24.
bool exact_in_floats(const ir::Tensor& weights, std::int32_t zero_point, int channel_axis) {
  const ir::Shape& shape = weights.shape();
  const auto axis = static_cast<std::size_t>(channel_axis);
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(shape[axis]));
  const auto values = weights.to_int64s();
  for (std::size_t i = 0; i < values.size(); ++i) sums[i / inner % sums.size()] += std::abs(values[i] - zero_point);
  return std::all_of(sums.begin(), sums.end(), [](std::int64_t s) { return s * 255 < 1 << 24; });
}

ir::ValueId only_cast(const Builder& b, ir::ValueId value) {
  if (b.observed(value) || b.graph().value(value).consumers.size() != 1) return {};
  const ir::Node& user = b.graph().node(b.graph().value(value).consumers[0]);
  return user.op == "Cast" && b.dtype(user.outputs[0]) == DType::Float ? user.outputs[0] : ir::ValueId{};
}

}  // namespace

DType real_type(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Bf16 ? DType::BFloat16 : DType::Float;
}

std::optional<Anchor> read_integers(Builder& b, const ir::Node& node, int channel_axis) {
  const ir::ValueId x = node.inputs[0], w = node.inputs[1], x_zero = node.input(2), w_zero = node.input(3);
  if (!b.is_known(w) || (!w_zero.none() && !b.is_known(w_zero))) return std::nullopt;
  if (!x_zero.none() && ir::element_count(b.shape(x_zero)) != 1) return std::nullopt;
  Anchor a{node, x, w, {}, {}, {}, {}, {}, {}, {}, true, false, true, true, only_cast(b, node.outputs[0]), {}};
  a.input = Dequantized{x, {1.0f, 0, b.dtype(x)}, {}, {}};
  if (!x_zero.none() && b.is_known(x_zero)) {
    a.input->scale.zero_point = static_cast<std::int32_t>(b.known(x_zero)->to_int64s()[0]);
  } else if (!x_zero.none()) {
    a.input->run_scale = b.add_known(ir::Tensor::of<float>({1}, {1.0f}));
    a.input->run_zero = x_zero;
  }
  a.weights = centered_weights(b, w, b.known(w_zero), channel_axis);
  if (!a.weights) return std::nullopt;
  a.weights->scale = {1.0f};
  a.floats = exact_in_floats(*b.known(a.weights->q), a.weights->zero_point, channel_axis);
  a.note = inexact_here(b, node, a);
  return a;
}

int constant_floats(Builder& b, const std::vector<float>& values, ir::Shape shape) {
  return b.constant(ir::Tensor::of<float>(std::move(shape), values));
}

ir::ValueId weights_as_floats(Builder& b, const Anchor& a) {
  const ir::Tensor& q = *b.known(a.weights->q);
  std::vector<float> values = q.to_floats();
  for (float& v : values) v -= static_cast<float>(a.weights->zero_point);
  return b.add_known(ir::Tensor::of<float>(q.shape(), values));
}

ir::ValueId input_as_floats(Builder& b, const Anchor& a) {
  const ir::ValueId value = b.add_value(DType::Float, b.shape(a.x));
  const int from = b.permuted(a.input->q);
  const int to = b.make(value, like(b.slot(from).desc, DataType::f32, b.shape(a.x)));
  const bool run_time = !a.input->run_zero.none();
  const int zero = run_time ? run_time_scale(b, *a.input).second : -1;
  const kernels::Affine8 as{1.0f, a.input->scale.zero_point, a.input->scale.dtype == DType::Int8};
  const std::int64_t count = ir::element_count(b.shape(a.x));
  ir::Node named;
  named.name = a.node.name;
  named.op = "DequantizeLinear";
  std::vector<int> reads{from};
  if (run_time) reads.push_back(zero);
  b.step(named, "inc:dequantize", reads, {to}, [=](Frame& frame) {
    kernels::Affine8 now = as;
    if (run_time) now.zero_point = *frame.as<std::int32_t>(zero);
    kernels::dequantize(frame.at(from), frame.as<float>(to), count, now);
  });
  return value;
}

namespace {

std::optional<kernels::Smooth> smooth(const Anchor& a) {
  const std::string& name = a.epilogue.activation;
  if (name == "sigmoid") return kernels::Smooth::Sigmoid;
  if (name == "silu") return kernels::Smooth::Silu;
  if (name == "gelu") return kernels::Smooth::Gelu;
  if (name == "gelu_tanh") return kernels::Smooth::GeluTanh;
  return std::nullopt;
}

}  // namespace

/// A pass over the result costs less than the library's post-operation, but a residual would have to be FP32 too; what a
/// product in BF16 gains is lost on the way of twice the bytes (BERT 2 %).
bool activates_apart(const Anchor& a, Arithmetic arithmetic) {
  if (!smooth(a) || kernels::isa() == kernels::Isa::Baseline) return false;
  if (arithmetic == Arithmetic::Fp32 || arithmetic == Arithmetic::Emulated) return true;
  if (arithmetic == Arithmetic::Bf16 && !a.node.op.ends_with("Conv")) return false;
  return a.residual.none() && a.bf16_casts.empty() && !a.sums;
}

namespace {

/// Where an activation's pass multiplies by factors too: channels are innermost, and 8 bits come of it.
bool multiplies_too(const Builder& b, const Anchor& a, const Attempt& attempt, int from) {
  if (!attempt.apart || attempt.arithmetic != Arithmetic::Int8 || !a.factors || !a.sink) return false;
  const std::size_t rank = b.shape(a.node.outputs[0]).size();
  return a.factors->axis >= 0 && static_cast<int>(memory_order(b.slot(from).desc, rank).back()) == a.factors->axis;
}

/// The slot of the result, behind the factors with `multiplies`.
int activate(Builder& b, const Anchor& a, const Attempt& attempt, int from, bool multiplies) {
  const ir::Shape& shape = b.shape(a.node.outputs[0]);
  const bool to_8_bits = attempt.arithmetic == Arithmetic::Int8 && a.sink && (!a.factors || multiplies);
  const DType type = to_8_bits ? a.sink->scale.dtype : a.bf16 ? DType::BFloat16 : DType::Float;
  const int to = type == DType::Float ? from : b.scratch(type, shape, like(b.slot(from).desc, *data_type(type), shape));
  const TensorScale scale = to_8_bits ? a.sink->scale : TensorScale{};
  const kernels::Affine8 as{scale.scale, scale.zero_point, scale.dtype == DType::Int8};
  const std::vector<float> factor = multiplies ? a.factors->values : std::vector<float>{}, shift(factor.size(), -0.0f);
  const auto work = [=, how = *smooth(a), n = ir::element_count(shape)](Frame& f) {
    const auto channels = static_cast<std::int64_t>(factor.size());
    if (multiplies)
      kernels::activate(how, f.as<float>(from), f.at(to), n / channels, channels, {factor.data(), shift.data()}, as);
    else if (type == DType::Float)
      kernels::activate(how, f.as<float>(from), f.as<float>(to), n);
    else if (type == DType::BFloat16)
      kernels::activate(how, f.as<float>(from), f.as<BFloat16>(to), n);
    else
      kernels::activate(how, f.as<float>(from), f.at(to), n, as);
  };
  ir::Node named;
  named.name = a.node.name;
  named.op = "Activation";
  Step& step = b.step(named, "inc:activate", {from}, {to}, work);
  if (type != DType::Float) step.profile.precision = to_8_bits ? "int8" : "bf16";
  return to;
}

}  // namespace

bool make_steps(Anchor& anchor, const std::function<bool(const Attempt&)>& attempt) {
  std::vector<Arithmetic> ways;
  if (anchor.integer && anchor.note.empty()) ways.push_back(Arithmetic::Int8);
  if (anchor.floats)
    ways.push_back(anchor.integer ? Arithmetic::Emulated : anchor.bf16 ? Arithmetic::Bf16 : Arithmetic::Fp32);
  for (const Arithmetic arithmetic : ways) {
    if (anchor.integer && arithmetic == Arithmetic::Emulated && anchor.note.empty())
      anchor.note = "oneDNN has no fast integer kernel for this form";
    for (const bool factors : {true, false}) {
      if (factors && (!anchor.factors || activates_apart(anchor, arithmetic))) continue;
      if (!factors && activates_apart(anchor, arithmetic) &&
          (attempt({arithmetic, true, false, false, false, true}) ||
           attempt({arithmetic, false, false, false, false, true})))
        return true;
      const bool last = arithmetic != Arithmetic::Int8 && arithmetic != Arithmetic::Bf16 && !factors;
      if (attempt({arithmetic, true, false, false, factors}) || attempt({arithmetic, false, false, false, factors}))
        return true;
      if (attempt({arithmetic, true, last, true, factors})) return true;
    }
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
      factors_(attempt.factors && anchor.factors.has_value()),
      apart_(attempt.apart) {
  const bool seen = anchor.sink && factors_ == anchor.factors.has_value();
  to_ = arithmetic_ == Arithmetic::Int8 && seen && !real_output_ ? anchor.sink->scale.dtype : real_type(arithmetic_);
  if (apart_) to_ = DType::Float;
  if (arithmetic_ == Arithmetic::Int8 && a_.sums && a_.cast.none()) to_ = DType::Int32;
  const bool may_narrow = arithmetic_ == Arithmetic::Int8 && !real_output_ && (a_.residual.none() || !may_sum_);
  if (may_narrow && !a_.bf16_casts.empty()) to_ = DType::BFloat16;
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
  if (a_.input->run_scale.none()) {
    argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_SRC, constant_floats(b_, {a_.input->scale.scale}, {1}));
    zero_point(DNNL_ARG_SRC, a_.input->scale.zero_point);
  } else {
    const auto [scale, zero] = run_time_scale(b_, *a_.input);
    argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_SRC, scale);
    if (zero >= 0) {
      attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
      argument(DNNL_ARG_ATTR_ZERO_POINTS, DNNL_ARG_SRC, zero);
    }
  }
  zero_point(DNNL_ARG_WEIGHTS, a_.weights->zero_point);
  const auto& scales = a_.weights->scale;
  argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_WEIGHTS, constant_floats(b_, scales, {static_cast<std::int64_t>(scales.size())}));
  if (to_ != DType::UInt8 && to_ != DType::Int8) return;
  attr.set_scales_mask(DNNL_ARG_DST, 0);
  argument(DNNL_ARG_ATTR_SCALES, DNNL_ARG_DST, constant_floats(b_, {a_.sink->scale.scale}, {1}));
  zero_point(DNNL_ARG_DST, a_.sink->scale.zero_point);
}

void Epilogue::scale_sums(const ir::Shape& channels) {
  const std::vector<float>& weights = a_.weights->scale;
  std::vector<float> scale(static_cast<std::size_t>(ir::element_count(channels)));
  for (std::size_t c = 0; c < scale.size(); ++c) scale[c] = a_.input->scale.scale * weights[weights.size() == 1 ? 0 : c];
  multiply(constant_floats(b_, scale, channels));
  if (a_.input->run_scale.none()) return;
  multiply(b_.view(run_time_scale(b_, *a_.input).first, DType::Float, ir::Shape(channels.size(), 1)));
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
  if (name == "none" || apart_) return;
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

bool Epilogue::multiply_factors(ir::Shape channels) {
  if (!factors_) return true;
  const auto count = static_cast<std::int64_t>(a_.factors->values.size());
  if (count == 1) channels.assign(channels.size(), 1);
  if (ir::element_count(channels) != count) return false;
  multiply(constant_floats(b_, a_.factors->values, std::move(channels)));
  return true;
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

void finish_sums(Builder& b, const Anchor& a, int output) {
  if (!a.cast.none()) {
    b.mark_done(b.graph().producer(a.cast)->id);
    return b.bind(a.cast, output);
  }
  const ir::ValueId y = a.node.outputs[0];
  if (b.slot(output).dtype == DType::Int32) return b.bind(y, output);
  const int to = b.make(y, like(b.slot(output).desc, DataType::s32, b.shape(y)));
  const dnnl::reorder::primitive_desc pd(cpu(), b.slot(output).desc, cpu(), b.slot(to).desc);
  ir::Node named;
  named.name = a.node.name;
  named.op = "Cast";
  b.primitive(named, pd, dnnl::reorder(pd), {{DNNL_ARG_FROM, output}, {DNNL_ARG_TO, to}});
}

void finish(Builder& b, const Anchor& a, const Attempt& attempt, Step& step, int output) {
  const Arithmetic arithmetic = attempt.arithmetic;
  const bool multiplies = multiplies_too(b, a, attempt, output);
  const bool factors = multiplies || (attempt.factors && a.factors);
  if (factors) b.mark_done(a.factors->node->id);
  step.profile.precision = arithmetic == Arithmetic::Int8 ? "int8" : arithmetic == Arithmetic::Bf16 ? "bf16" : "fp32";
  step.profile.emulated = arithmetic == Arithmetic::Emulated || (arithmetic == Arithmetic::Fp32 && !a.note.empty());
  if (step.profile.emulated) step.profile.note = a.note;
  if (attempt.apart) output = activate(b, a, attempt, output, multiplies);
  if (a.sums)
    finish_sums(b, a, output);
  else if (is_integer(b.slot(output).dtype))
    bind_sink(b, *a.sink, output);
  else if (b.slot(output).dtype == DType::BFloat16 && !a.bf16)
    for (const ir::Node* cast : a.bf16_casts) b.bind(cast->outputs[0], output), b.mark_done(cast->id);
  else
    b.bind(factors ? a.factors->y : a.node.outputs[0], output);
}

}  // namespace inc::onednn
