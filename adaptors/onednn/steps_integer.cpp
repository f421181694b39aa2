#include <algorithm>
#include <map>
#include <tuple>

#include "adaptors/onednn/integer.h"
#include "adaptors/onednn/isa.h"
#include "core/base/parallel.h"
#include "kernels/isa.h"

namespace inc::onednn {
namespace {

using kernels::IntegerActivation;
using kernels::IntegerFinish;
using kernels::IntegerPlan;
using kernels::IntegerShape;

constexpr std::int64_t kLeastChannels = 4;  // of a group
constexpr std::int64_t kDeep = 512;         // numbers of a sum beside which an activation costs little
constexpr std::int64_t kDeepBent = 128;     // the same with AVX2, where it bends

void set_activation(IntegerFinish& f, const ops::Epilogue& epilogue) {
  const std::string& name = epilogue.activation;
  f.alpha = epilogue.alpha;
  f.beta = epilogue.beta;
  if (name == "relu") f.low = 0.0f;
  if (name == "clip") f.low = epilogue.alpha, f.high = epilogue.beta;
  static const std::map<std::string_view, IntegerActivation> kRows{{"leaky_relu", IntegerActivation::LeakyRelu},
                                                                   {"hardswish", IntegerActivation::HardSwish},
                                                                   {"hardsigmoid", IntegerActivation::HardSigmoid},
                                                                   {"sigmoid", IntegerActivation::Sigmoid},
                                                                   {"tanh", IntegerActivation::Tanh},
                                                                   {"silu", IntegerActivation::Silu},
                                                                   {"gelu", IntegerActivation::Gelu},
                                                                   {"gelu_tanh", IntegerActivation::GeluTanh}};
  if (const auto row = kRows.find(name); row != kRows.end()) f.activation = row->second;
}

std::string layout_name(const IntegerPlan& p) {
  const IntegerShape& s = p.shape;
  std::string name = "integer";
  for (const std::int64_t v : {static_cast<std::int64_t>(p.wide), static_cast<std::int64_t>(p.turned), p.width, p.fours,
                               p.run, p.real_run, s.channels, s.out_channels, s.groups, s.kernel_height, s.kernel_width})
    name += " " + std::to_string(v);
  return name;
}

/// Everything but addresses; slots are -1 where there is nothing.
struct Work {
  IntegerPlan plan;
  IntegerFinish finish;
  std::vector<float> scale, factor;
  TensorScale input;
  int x, weights, bias = -1, residual = -1, run_scale = -1, run_zero = -1, workspace, y = -1, workers;

  void operator()(Frame& frame) const {
    IntegerFinish f = finish;
    f.scale = scale.data();
    if (!factor.empty()) f.factor = factor.data();
    if (bias >= 0) f.bias = frame.as<float>(bias);
    if (residual >= 0) f.residual_data = frame.at(residual);
    if (run_scale >= 0) f.run_scale = *frame.as<float>(run_scale);
    const std::int32_t zero = run_zero >= 0 ? *frame.as<std::int32_t>(run_zero) : input.zero_point;
    kernels::multiply_integers(
        plan, {frame.at(x), input.dtype == DType::Int8, zero, frame.at(weights), frame.at(y), frame.at(workspace), workers},
        f);
  }
};

DType output_type(const Anchor& a) {
  if (a.sums) return a.cast.none() ? DType::Int32 : DType::Float;
  return a.sink ? a.sink->scale.dtype : a.bf16_casts.empty() ? DType::Float : DType::BFloat16;
}

void set_output(Work& w, const Anchor& a) {
  using Output = IntegerFinish::Output;
  switch (output_type(a)) {
    case DType::Int32:
      w.finish.output = Output::Int32;
      return;
    case DType::Float:
      w.finish.output = Output::Float;
      return;
    case DType::BFloat16:
      w.finish.output = Output::BFloat16;
      return;
    default:
      w.finish.output = a.sink->scale.dtype == DType::Int8 ? Output::Int8 : Output::UInt8;
      w.finish.out_scale = a.sink->scale.scale;
      w.finish.inverse = kernels::exact_inverse(w.finish.out_scale);
      w.finish.out_zero_point = a.sink->scale.zero_point;
  }
}

Desc as_type(const Desc& layout, DType dtype) {
  return Desc(layout.get_dims(), *data_type(dtype), layout.get_strides());
}

void set_residual(Builder& b, Work& w, const Anchor& a, const Desc& layout) {
  if (a.residual.none()) return;
  using Residual = IntegerFinish::Residual;
  const auto q = b.pending_dequantize(a.residual) != nullptr ? dequantized(b, a.residual) : std::nullopt;
  w.residual = b.in(q ? q->q : a.residual, as_type(layout, q ? q->scale.dtype : DType::Float));
  w.finish.residual = !q ? Residual::Float : q->scale.dtype == DType::Int8 ? Residual::Int8 : Residual::UInt8;
  if (!q) return;
  w.finish.residual_scale = q->scale.scale;
  w.finish.residual_zero_point = q->scale.zero_point;
}

bool set_channels(Work& w, const Anchor& a, const IntegerForm& form) {
  const auto count = static_cast<std::size_t>(form.shape.out_channels);
  const std::vector<float>& weights = a.weights->scale;
  for (std::size_t c = 0; c < count; ++c)
    w.scale.push_back(a.input->scale.scale * weights[weights.size() == 1 ? 0 : c] * form.alpha);
  if (!a.factors) return true;
  w.factor = a.factors->values;
  if (w.factor.size() == 1) w.factor.assign(count, w.factor[0]);
  return w.factor.size() == count;
}

kernels::IntegerWeights weights_of(const ir::Tensor& q, const Anchor& a, const IntegerForm& form) {
  kernels::IntegerWeights weights = form.strides;
  weights.data = q.data<std::int8_t>();
  weights.zero_point = a.weights->zero_point;
  return weights;
}

/// Into 8 bits, linear up to a clip, where a plan has a use for it.
bool can_count_in_steps(const Builder& b, const Work& w, const IntegerForm& form) {
  using Output = IntegerFinish::Output;
  using Residual = IntegerFinish::Residual;
  const IntegerFinish& f = w.finish;
  const bool small = f.output == Output::UInt8 || f.output == Output::Int8;
  if (!w.plan.paired || !small || f.activation != IntegerActivation::None || f.residual == Residual::Float) return false;
  if (!w.factor.empty() && f.residual != Residual::None) return false;
  return form.bias.none() || b.is_known(form.bias);
}

/// Everything behind the sums in steps of the output. Returns the bias.
int count_in_steps(Builder& b, Work& w, const IntegerForm& form) {
  IntegerFinish& f = w.finish;
  f.in_steps = true;
  std::vector<float> bias(w.scale.size());
  if (!form.bias.none()) bias = b.known(form.bias)->to_floats();
  f.residual_scale /= f.out_scale;
  const float shift =
      f.residual == IntegerFinish::Residual::None ? 0.0f : f.residual_scale * static_cast<float>(f.residual_zero_point);
  for (std::size_t c = 0; c < w.scale.size(); ++c) {
    const double steps = (w.factor.empty() ? 1.0 : static_cast<double>(w.factor[c])) / static_cast<double>(f.out_scale);
    w.scale[c] = static_cast<float>(static_cast<double>(w.scale[c]) * steps);
    bias[c] = static_cast<float>(static_cast<double>(bias[c]) * steps) - shift;
  }
  return constant_floats(b, bias, {static_cast<std::int64_t>(bias.size())});
}

/// Calls fn(weights, first, count) for all output channels: in turn where each has weights of its own that stand together.
template <class Fn>
void for_channels(const Builder& b, const Anchor& a, const IntegerForm& form, std::int64_t multiple, Fn&& fn) {
  const ir::Tensor& q = *b.known(a.weights->q);
  const std::int64_t count = form.shape.out_channels;
  const bool apart = form.shape.groups == 1 && q.shape()[0] == count && form.strides.out * count == q.count();
  if (!apart) return fn(weights_of(q.at_hand(), a, form), 0, count);
  ir::for_rows(q, multiple,
               [&](const ir::Tensor& rows, std::int64_t first) { fn(weights_of(rows, a, form), first, rows.shape()[0]); });
}

/// Weights need not be looked at with VNNI, nor where pairs are the library's and were found not to saturate, as the
/// anchor's note would say.
IntegerPlan planned(const Builder& b, const Anchor& a, const IntegerForm& form) {
  const IntegerShape& s = form.shape;
  const bool wide = a.weights->zero_point != 0;
  const bool looked_at = !has_vnni() && a.note.empty() && s.channels / s.groups % 2 == 0;
  IntegerPlan plan = kernels::plan_integers(s, wide);
  if (!plan.paired || looked_at) return plan;
  std::int64_t fours = 0;
  for_channels(b, a, form, plan.width, [&](const kernels::IntegerWeights& weights, std::int64_t, std::int64_t count) {
    fours = std::max(fours, kernels::most_fours(plan, weights, count));
  });
  return kernels::plan_integers(s, wide, fours);
}

int packed_weights(Builder& b, const Anchor& a, const IntegerPlan& plan, const IntegerForm& form) {
  const auto pack = [&](std::byte* to) {
    for_channels(b, a, form, plan.width,
                 [&](const kernels::IntegerWeights& weights, std::int64_t first, std::int64_t count) {
                   kernels::pack_integers(plan, weights, first, count, to);
                 });
  };
  return b.packed(a.weights->q, layout_name(plan) + " " + std::to_string(form.strides.in), plan.packed_bytes(), pack);
}

/// So short sums that what activates them is better left to the library: as a pass behind its kernel (yolox_nano 4.7 ms
/// with, 6.0 without; kwt1 26 and 32; BERT, 768 deep, 33.0 and 31.9), or, where it bends them, in the kernel (hard swish in
/// MobileNetV3, times of ours: with AVX2 40→240 0.75, 112→672 0.87, 160→960 1.11, with VNNI 0.66, 0.84, 0.9; on one pixel
/// ours are faster).
bool too_shallow(const Anchor& a, const IntegerShape& s) {
  const std::string& name = a.epilogue.activation;
  const std::int64_t depth = s.channels * s.kernel_height * s.kernel_width;
  if (activates_apart(a, Arithmetic::Int8)) return depth < kDeep;
  const bool bends = name == "hardswish" || name == "hardsigmoid" || name == "leaky_relu";
  return bends && s.out_height * s.out_width > 1 && depth < (has_vnni() ? kDeep : kDeepBent);
}

/// The library's sums are not exact, pass through FP32 where they exceed 2^24, or take longer.
bool chosen(const Builder& b, const Anchor& a, const IntegerShape& shape) {
  if (!a.note.empty()) return true;
  if (a.sums && a.cast.none() && !a.floats) return true;
  if (too_shallow(a, shape)) return false;
  const bool amx = isa_name().find("amx") != std::string::npos, alike = has_vnni() == kernels::has_vnni();
  using Residual = IntegerFinish::Residual;
  const Residual adds = a.residual.none()                             ? Residual::None
                        : b.pending_dequantize(a.residual) == nullptr ? Residual::Float
                                                                      : Residual::UInt8;
  return alike && !amx && kernels::faster_than_library(shape, adds);
}

}  // namespace

bool emit_integers(Builder& b, Anchor& a, const IntegerForm& form) {
  if (!a.integer || !chosen(b, a, form.shape)) return false;
  const IntegerShape& s = form.shape;
  const bool wide = a.weights->zero_point != 0;
  if (std::min(s.channels, s.out_channels) < s.groups * kLeastChannels && s.groups > 1) return false;
  if (!a.residual.none() && b.shape(a.residual) != b.shape(a.node.outputs[0])) return false;
  if (!kernels::fits_int32(s, wide) || (!form.bias.none() && b.dtype(form.bias) != DType::Float)) return false;
  Work w;
  if (!set_channels(w, a, form)) return false;
  w.plan = planned(b, a, form);
  w.input = a.input->scale;
  w.workers = threads();
  set_activation(w.finish, a.epilogue);
  set_output(w, a);
  w.x = b.in(a.input->q, as_type(form.src, w.input.dtype));
  w.weights = packed_weights(b, a, w.plan, form);
  std::vector<int> reads{w.x, w.weights};
  set_residual(b, w, a, form.dst);
  if (w.residual >= 0) reads.push_back(w.residual);
  if (can_count_in_steps(b, w, form)) {
    w.bias = count_in_steps(b, w, form);
  } else if (!form.bias.none()) {
    w.bias = b.plain(form.bias);
  }
  if (w.bias >= 0) reads.push_back(w.bias);
  if (!a.input->run_scale.none()) {
    std::tie(w.run_scale, w.run_zero) = run_time_scale(b, *a.input);
    reads.push_back(w.run_scale);
    if (w.run_zero >= 0) reads.push_back(w.run_zero);
  }
  w.workspace = b.scratch(DType::UInt8, {static_cast<std::int64_t>(w.plan.workspace_bytes(w.workers))});
  const DType to = output_type(a);
  w.y = b.scratch(to, b.shape(a.node.outputs[0]), as_type(form.dst, to));
  const int y = w.y, workspace = w.workspace;
  const std::string isa = std::string(kernels::isa_name()) + (w.plan.vnni ? "_vnni" : "");
  Step& step = b.step(a.node, "inc:integer:" + isa, std::move(reads), {y, workspace}, std::move(w));
  step.profile.isa = isa;
  a.note.clear();
  finish(b, a, {Arithmetic::Int8, true, false, false, a.factors.has_value()}, step, y);
  return true;
}

}  // namespace inc::onednn
